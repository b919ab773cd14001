# Patients, visits and adverse events of an edge delivery, derived in R from the exports themselves
# by the rules of docs/study.md, and the cohorts at its edges.
#   Rscript exports.R DELIVERY FOLDER
# writes FOLDER/<cohort>/patients.csv, visits.csv, evaluable.csv and events.csv, which cohort.R reads.
arguments <- commandArgs(trailingOnly = TRUE)
read <- function(name) {
  read.csv(file.path(arguments[1], paste0(name, ".csv")), na.strings = "", encoding = "UTF-8",
           colClasses = "character")
}

# A year, a month or a day: its first and its last possible day.
first_day <- function(text) as.Date(paste0(text, substring("0000-01-01", nchar(text) + 1)))
last_day <- function(text) {
  next_day <- function(from, by) seq(from, by = by, length.out = 2)[2]
  days <- rep(as.Date(NA), length(text))
  for (i in which(!is.na(text))) {
    first <- first_day(text[i])
    days[i] <- switch(as.character(nchar(text[i])), "4" = next_day(first, "year") - 1,
                      "7" = next_day(first, "month") - 1, first)
  }
  days
}
# Birthdays passed; that of 29 February is 1 March in other years, which month and day give by order.
completed_years <- function(birth, day) {
  year <- function(date) as.integer(format(date, "%Y"))
  year(day) - year(birth) - (format(day, "%m%d") < format(birth, "%m%d"))
}
any_of <- function(flag, patient, patients) patients %in% patient[which(flag)]

patients <- read("patients")
visits <- read("visits")
courses <- read("prescriptions")
terms <- read("comorbidities")
events <- read("adverse_events")
collected <- as.Date(sub("extraction_date: *", "", grep(
  "^extraction_date", readLines(file.path(arguments[1], "delivery.yml")), value = TRUE
)))

# Courses: class by name, possible days; an end is never before the start.
classes <- c("Dupixent" = "index", "Protopic" = "tacrolimus", "Elocon" = "corticosteroid",
             "Sandimmun Neoral" = "ciclosporin", "Deltacortene" = "systemic_corticosteroids",
             "NB-UVB phototherapy" = "phototherapy")
courses$class <- classes[courses$drug_name]
courses$start_first <- first_day(courses$start_date)
courses$start_last <- last_day(courses$start_date)
never <- as.Date("9999-12-31")
courses$end_first <- first_day(ifelse(is.na(courses$end_date), "9999-12-31", courses$end_date))
courses$end_last <- last_day(ifelse(is.na(courses$end_date), "9999-12-31", courses$end_date))
courses$start_last <- pmin(courses$start_last, courses$end_last)
courses$end_first <- pmax(courses$end_first, courses$start_first)

# Day 0, where the first possible first day of dupilumab is also the last possible one.
index <- courses[courses$class == "index", ]
earliest <- tapply(index$start_first, index$patient_id, min)
latest <- tapply(index$start_last, index$patient_id, min)
day_0 <- as.Date(ifelse(earliest == latest, earliest, NA), origin = "1970-01-01")[
  match(patients$patient_id, names(earliest))
]
names(day_0) <- patients$patient_id
birth <- as.Date(patients$birth_date)

# Visits: the records of a day are one visit; a score with two values there has none.
scores <- c("easi_score", "itch_nrs_score", "sleep_nrs_score", "dlqi_score", "iga_score",
            "poem_score")
one_value <- function(x) {
  x <- unique(x[!is.na(x)])
  if (length(x) == 1) x else NA
}
visits$day <- as.Date(visits$visit_date) - day_0[visits$patient_id]
by_day <- split(visits, paste(visits$patient_id, visits$visit_date))
visits <- do.call(rbind, lapply(by_day, function(records) {
  one <- records[1, c("patient_id", "visit_date", "day")]
  for (score in scores) one[[score]] <- as.numeric(one_value(records[[score]]))
  review <- records$topical_adherence
  one$review <- one_value(review[review %in% c("adherent", "non_adherent")])
  one$is_scored <- any(!is.na(one[scores]))
  one
}))
windows <- data.frame(
  timepoint_code = c("baseline", "week_04", "week_16", "week_52"),
  first = c(-28, 14, 84, 322), last = c(0, 42, 140, 406), target = c(0, 28, 112, 364)
)

# Who is in. Systemic treatment that may have been given on days 0 to 364 excludes.
on_days <- function(days) any_of(visits$day >= days[1] & visits$day <= days[2],
                                 visits$patient_id, patients$patient_id)
severe <- any_of(visits$day >= -56 & visits$day <= 0 & visits$easi_score >= 24,
                 visits$patient_id, patients$patient_id)
systemic <- courses$class %in% c("ciclosporin", "systemic_corticosteroids")
concomitant <- any_of(
  systemic & courses$start_first <= day_0[courses$patient_id] + 364 &
    courses$end_last >= day_0[courses$patient_id],
  courses$patient_id, patients$patient_id
)
is_in <- !is.na(day_0) & day_0 >= as.Date("2018-06-01") & day_0 <= as.Date("2020-12-31") &
  completed_years(birth, day_0) >= 18 & on_days(c(-28, 0)) & severe & !concomitant
non_adherent <- any_of(visits$review == "non_adherent", visits$patient_id, patients$patient_id)

# The visit of each timepoint: a scored one before one without any score, then the nearest.
answer <- function(window) {
  part <- visits[!is.na(visits$day) & visits$day >= window$first & visits$day <= window$last, ]
  part <- part[order(part$patient_id, !part$is_scored, abs(part$day - window$target), part$day), ]
  part <- part[!duplicated(part$patient_id), ]
  part$timepoint_code <- rep(window$timepoint_code, nrow(part))
  part
}
answers <- do.call(rbind, lapply(seq_len(nrow(windows)), function(i) answer(windows[i, ])))
answers <- answers[answers$patient_id %in% patients$patient_id[is_in], ]

# On a drug at a visit: active on every possible day of a course; unknown where on some only.
on <- function(class) {
  mine <- courses[courses$class == class, ]
  sapply(seq_len(nrow(answers)), function(i) {
    part <- mine[mine$patient_id == answers$patient_id[i], ]
    day <- as.Date(answers$visit_date[i])
    if (any(part$start_last <= day & part$end_first >= day)) return(TRUE)
    if (any(part$start_first <= day & part$end_last >= day)) NA else FALSE
  })
}
reviewed <- !is.na(answers$review) & answers$review == "adherent" &
  !(answers$patient_id %in% patients$patient_id[non_adherent])
answers$tacrolimus <- ifelse(reviewed, on("tacrolimus"), NA)
answers$corticosteroids <- ifelse(reviewed, on("corticosteroid"), NA)
answers$topical_regimen_code <- ifelse(
  is.na(answers$tacrolimus) | is.na(answers$corticosteroids), NA,
  ifelse(answers$tacrolimus,
         ifelse(answers$corticosteroids, "corticosteroids_and_tacrolimus", "tacrolimus"),
         ifelse(answers$corticosteroids, "corticosteroids", "none"))
)
answers$visit_day <- as.integer(answers$day)

# Comorbidities and earlier treatments; unknown where an unknown term or a partial start may hide it.
terms$term <- gsub("[\u00a0 ]+", " ", tolower(terms$comorbidity_term))
has_term <- function(words) any_of(terms$term %in% words, terms$patient_id, patients$patient_id)
hidden <- has_term("itchy nose")
history <- data.frame(has_comorbidity = any_of(terms$term != "nessuna", terms$patient_id,
                                               patients$patient_id))
named <- list(rhinitis = c("rhinitis", "oculorinite"),
              conjunctivitis = c("conjunctivitis", "oculorinite"),
              asthma = "asthma", food_allergy = "food allergy")
for (name in names(named)) {
  has <- has_term(named[[name]])
  history[[paste0("has_", name)]] <- ifelse(has, TRUE, ifelse(hidden, NA, FALSE))
}
for (class in c("ciclosporin", "systemic_corticosteroids", "phototherapy")) {
  mine <- courses[courses$class == class, ]
  surely <- any_of(mine$start_last < day_0[mine$patient_id], mine$patient_id, patients$patient_id)
  perhaps <- any_of(mine$start_first < day_0[mine$patient_id], mine$patient_id, patients$patient_id)
  history[[paste0("has_prior_", class)]] <- ifelse(surely, TRUE, ifelse(perhaps, NA, FALSE))
}
for (name in c("methotrexate", "alitretinoin", "azathioprine")) {
  history[[paste0("has_prior_", name)]] <- FALSE
}

areas <- apply(patients[paste0("involves_", c("face", "hands", "genitalia"))] == "yes", 1,
               function(yes) {
  name <- paste(c("face", "hands", "genitalia")[yes], collapse = "_and_")
  if (name == "") "none" else sub("face_and_hands_and", "face_hands_and", name)
})
people <- data.frame(
  patient_id = patients$patient_id, sex_code = patients$sex,
  disease_course_code = patients$disease_course,
  clinical_phenotype_code = patients$clinical_phenotype, critical_area_code = areas,
  age_at_index_years = completed_years(birth, day_0),
  age_at_data_collection_years = as.integer(format(collected, "%Y")) -
    as.integer(format(birth, "%Y")),
  age_at_diagnosis_years = completed_years(birth, as.Date(patients$ad_diagnosis_date)),
  is_evaluable = as.integer(!non_adherent), history * 1L
)[is_in, ]
baseline <- answers[answers$timepoint_code == "baseline", ]
evaluable <- people[people$is_evaluable == 1, ]
evaluable <- data.frame(
  patient_id = evaluable$patient_id,
  dlqi_baseline_score = baseline$dlqi_score[match(evaluable$patient_id, baseline$patient_id)],
  age_at_index_years = evaluable$age_at_index_years,
  is_female = as.integer(evaluable$sex_code == "female"),
  is_relapsing = as.integer(evaluable$disease_course_code == "relapsing"),
  is_generalized = as.integer(evaluable$clinical_phenotype_code == "generalized")
)

# Onset on day 0 or later: on every possible day, on none, or not known.
onset <- day_0[events$patient_id]
events$is_treatment_emergent <- ifelse(
  first_day(events$onset_date) >= onset, 1L, ifelse(last_day(events$onset_date) < onset, 0L, NA)
)
events$adverse_event_code <- gsub(" ", "_", events$event_term)
events <- events[events$patient_id %in% people$patient_id,
                 c("patient_id", "adverse_event_code", "is_treatment_emergent")]

# Cohorts at the edge: some of the patients.
at <- function(timepoint, column) {
  part <- answers[answers$timepoint_code == timepoint, ]
  part[[column]][match(people$patient_id, part$patient_id)]
}
seen <- sapply(windows$timepoint_code, function(timepoint) at(timepoint, "tacrolimus"))
starts <- rowSums(seen, na.rm = TRUE) > 0
female <- people$sex_code == "female"
cohorts <- list(
  everybody = rep(TRUE, nrow(people)),
  women = female,
  nobody_starts = people$is_evaluable == 1 & !starts,
  no_generalized_start = !(people$clinical_phenotype_code == "generalized" & starts),
  all_start_at_month_0 = seen[, 1] %in% TRUE,
  nobody_after_day_200 = is.na(at("week_52", "visit_day")),
  women_leave_early = ifelse(
    female, rowSums(!is.na(seen[, -1])) == 0 & seen[, 1] %in% FALSE, !(seen[, 1] %in% TRUE)
  ) & people$is_evaluable == 1
)
for (cohort in names(cohorts)) {
  chosen <- people$patient_id[cohorts[[cohort]]]
  folder <- file.path(arguments[2], cohort)
  dir.create(folder, recursive = TRUE, showWarnings = FALSE)
  write <- function(table, name) {
    write.csv(table[table$patient_id %in% chosen, ], file.path(folder, paste0(name, ".csv")),
              row.names = FALSE, na = "")
  }
  write(people, "patients")
  write(answers[c("patient_id", "timepoint_code", "topical_regimen_code", "tacrolimus",
                  "visit_day", scores[1:4])], "visits")
  write(evaluable, "evaluable")
  write(events, "events")
}
