"""Products that a dermatologist in Milan prescribes, with ATC codes (WHO ATC/DDD Index).

Product names and strengths are real; the patients who get them are synthetic.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Product:
    """A product as a prescription names it."""

    name: str
    atc: str
    route: str
    strength: str


PROTOPIC = Product("Protopic", "D11AH01", "topical", "0.1%")
PROTOPIC_WEAK = Product("Protopic", "D11AH01", "topical", "0.03%")
ELIDEL = Product("Elidel", "D11AH02", "topical", "1%")

# Mild and moderate corticosteroids for face, folds and genitalia; potent ones for limbs and trunk
MODERATE_STEROIDS = (
    (Product("Locoidon", "D07AB02", "topical", "0.1%"), 5),
    (Product("Advantan", "D07AC14", "topical", "0.1%"), 6),
    (Product("Legederm", "D07AB10", "topical", "0.1%"), 2),
    (Product("Elocon", "D07AC13", "topical", "0.1%"), 2),
)
VERY_POTENT_STEROIDS = (
    Product("Dermovate", "D07AD01", "topical", "0.05%"),
    Product("Clobesol", "D07AD01", "topical", "0.05%"),
)
POTENT_STEROIDS = (
    (Product("Elocon", "D07AC13", "topical", "0.1%"), 8),
    (Product("Advantan", "D07AC14", "topical", "0.1%"), 6),
    (Product("Altosone", "D07AC13", "topical", "0.1%"), 3),
    (Product("Ecoval", "D07AC01", "topical", "0.1%"), 3),
    (Product("Diprosone", "D07AC01", "topical", "0.05%"), 3),
    (Product("Gentalyn Beta", "D07CC01", "topical", "0.1%"), 3),
    (VERY_POTENT_STEROIDS[0], 2),
    (VERY_POTENT_STEROIDS[1], 2),
)

DUPIXENT_LOADING = Product("Dupixent", "D11AH05", "subcutaneous", "600 mg")
DUPIXENT = Product("Dupixent", "D11AH05", "subcutaneous", "300 mg every 2 weeks")

PRIOR_TREATMENTS: dict[str, tuple[tuple[Product, int], ...]] = {
    "ciclosporin": (
        (Product("Sandimmun Neoral", "L04AD01", "oral", "100 mg"), 6),
        (Product("Sandimmun Neoral", "L04AD01", "oral", "50 mg"), 2),
        (Product("Ciqorin", "L04AD01", "oral", "100 mg"), 3),
        (Product("Ciclosporina", "L04AD01", "oral", "100 mg"), 2),
    ),
    "systemic_corticosteroids": (
        (Product("Deltacortene", "H02AB07", "oral", "25 mg"), 7),
        (Product("Medrol", "H02AB04", "oral", "16 mg"), 3),
        (Product("Bentelan", "H02AB01", "oral", "1 mg"), 3),
        (Product("Bentelan", "H02AB01", "intramuscular", "4 mg"), 1),
    ),
    "phototherapy": (
        (Product("NB-UVB phototherapy", "", "", ""), 7),
        (Product("Fototerapia UVB banda stretta", "", "", ""), 4),
        (Product("PUVA", "", "", ""), 1),
    ),
    "methotrexate": (
        (Product("Methotrexate", "L04AX03", "oral", "15 mg"), 3),
        (Product("Reumaflex", "L04AX03", "subcutaneous", "15 mg"), 4),
    ),
    "alitretinoin": ((Product("Toctino", "D11AH04", "oral", "30 mg"), 1),),
    "azathioprine": (
        (Product("Azatioprina", "L04AX01", "oral", "50 mg"), 2),
        (Product("Azathioprine", "L04AX01", "oral", "50 mg"), 1),
    ),
}
# Shortest and longest course in days
PRIOR_COURSE_DAYS = {
    "ciclosporin": (45, 400),
    "systemic_corticosteroids": (7, 28),
    "phototherapy": (42, 98),
    "methotrexate": (84, 380),
    "alitretinoin": (70, 170),
    "azathioprine": (60, 300),
}

# Compounded by a pharmacy, in samples for a few days, and on no product list
COMPOUNDED = Product("Preparazione galenica all'urea 5%", "", "topical", "")
COMPOUNDED_DAYS = 3
EMOLLIENTS = (
    (Product("Dexeryl", "", "topical", ""), 12),
    (Product("Lipikar Baume AP+", "", "topical", ""), 9),
    (Product("Atoderm Intensive", "", "topical", ""), 8),
    (Product("Trixera", "", "topical", ""), 6),
    (Product("Xemose", "", "topical", ""), 6),
    (Product("Cetaphil", "", "topical", ""), 6),
    (COMPOUNDED, 1),
)
ANTIHISTAMINES = (
    Product("Zirtec", "R06AE07", "oral", "10 mg"),
    Product("Aerius", "R06AX27", "oral", "5 mg"),
    Product("Kestine", "R06AX22", "oral", "20 mg"),
    Product("Xyzal", "R06AE09", "oral", "5 mg"),
)
# Corticosteroids and ciclosporin at other sites: neither topical on the skin nor systemic
NASAL_STEROID = Product("Nasonex", "R01AD09", "nasal", "50 mcg")
INHALER = Product("Symbicort", "R03AK07", "inhaled", "160/4.5 mcg")
EYE_DROPS = (
    (Product("Ikervis", "S01XA18", "ocular", "1 mg/ml"), 1),
    (Product("Tobradex", "S01CA01", "ocular", "0.3%/0.1%"), 2),
)
