#!/usr/bin/env bash
# Run R afresh on the oracle data and compare our estimators with it.
#
#   tests/oracle/run_all.sh                 compare with a fresh run of R
#   tests/oracle/run_all.sh --update        the same, then keep R's outputs in tests/oracle/outputs
#   tests/oracle/run_all.sh WAREHOUSE       also recompute the cohort of a warehouse file in R
#
# Needs Rscript and the R package survival (Debian: r-base-core r-cran-survival).
# PYTHON chooses the interpreter, default .venv/bin/python.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
python=${PYTHON:-$root/.venv/bin/python}
update=no
warehouse=
for argument in "$@"; do
    case $argument in
        --update) update=yes ;;
        *) warehouse=$argument ;;
    esac
done

if ! command -v Rscript > /dev/null || ! Rscript -e 'library(survival)' > /dev/null 2>&1; then
    echo "R with the package survival is not installed: the committed outputs stay as they are." >&2
    echo "On Debian: apt-get install --no-install-recommends r-base-core r-cran-survival" >&2
    exit 3
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/outputs"
"$python" "$here/oracle_inputs.py" "$work/inputs"
"$python" "$here/cohort_inputs.py" "$work/inputs"
Rscript "$here/estimators.R" "$work/inputs" "$work/outputs"
Rscript "$here/cohort.R" "$work/inputs" "$work/outputs"
(cd "$root" && PYTHONPATH=$root "$python" "$here/edge_delivery.py" "$work/edge_delivery")
Rscript "$here/exports.R" "$work/edge_delivery" "$work/edges"
for cohort in "$work"/edges/*/; do
    Rscript "$here/cohort.R" "$cohort" "$cohort"
done
# Of the parts of the edge delivery: what is estimated of tacrolimus, and what is not estimable.
awk -F, '
    FNR == 1 { n = split(FILENAME, part, "/"); cohort = part[n - 1]; next }
    cohort == "everybody" { known[$1, $2] = $3 }
    cohort == "everybody" || known[$1, $2] != $3 && ($3 == "NA" || $1 ~ /^a1[2-689]/) {
        print cohort "," $0
    }' "$work"/edges/everybody/cohort.csv "$work"/edges/[!e]*/cohort.csv |
    cat <(echo cohort,result_id,field,value) - > "$work/outputs/edges.csv"
Rscript "$here/versions.R" "$work/outputs"
(cd "$root" && REGISTRY_ORACLE_OUTPUTS="$work/outputs" "$python" -m pytest -q \
    tests/python/analyses/test_oracle_estimators.py tests/python/analyses/test_oracle_cohort.py \
    tests/python/analyses/test_oracle_edges.py)

if [ -n "$warehouse" ]; then
    mkdir "$work/cohort"
    "$python" "$here/cohort_inputs.py" "$work/cohort" "$warehouse"
    Rscript "$here/cohort.R" "$work/cohort" "$work/cohort"
    "$python" "$here/compare_cohort.py" "$work/cohort/cohort.csv" "$warehouse"
fi
if [ "$update" = yes ]; then
    mkdir -p "$here/outputs"
    cp "$work"/outputs/*.csv "$here/outputs/"
    echo "Outputs of R written to tests/oracle/outputs."
fi
