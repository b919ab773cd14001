# The numbers of the paper once more, in R, from the patients' scores, regimens and covariates.
#   Rscript cohort.R INPUTS OUTPUTS
# reads INPUTS/patients.csv, visits.csv and evaluable.csv (cohort_inputs.py), derives the time to
# tacrolimus, the populations at risk and the responses by itself, and writes OUTPUTS/cohort.csv:
# result_id, field, value.
suppressPackageStartupMessages(library(survival))
source(file.path(dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))),
                 "mauchly.R"))
arguments <- commandArgs(trailingOnly = TRUE)
read <- function(name) {
  read.csv(file.path(arguments[1], paste0(name, ".csv")), na.strings = "", encoding = "UTF-8")
}
patients <- read("patients")
visits <- read("visits")
evaluable <- read("evaluable")
timepoints <- c("baseline", "week_04", "week_16", "week_52")
months <- c(0, 1, 4, 12)

rows <- list()
put <- function(id, field, value) {
  rows[[length(rows) + 1]] <<- data.frame(result_id = id, field, value = as.numeric(value))
}
id <- function(analysis, population, term, statistic, group = "all", timepoint = "any") {
  paste(tolower(analysis), population, group, timepoint, term, statistic, sep = ".")
}
share <- function(analysis, population, term, flag, ...) {
  flag <- flag[!is.na(flag)]
  put(id(analysis, population, term, "n", ...), "value", sum(flag))
  put(id(analysis, population, term, "percent", ...), "value", 100 * sum(flag) / length(flag))
  put(id(analysis, population, term, "percent", ...), "denominator", length(flag))
}
spread <- function(column) {
  sapply(timepoints, function(timepoint) {
    part <- visits[visits$timepoint_code == timepoint, ]
    part[[column]][match(patients$patient_id, part$patient_id)]
  })
}

# A01 to A03, A09
put(id("A01", "enrolled", "enrolled", "n"), "value", nrow(patients))
for (sex in c("male", "female")) share("A01", "enrolled", sex, patients$sex_code == sex)
for (age in c("age_at_data_collection_years", "age_at_diagnosis_years", "age_at_index_years")) {
  put(id("A01", "enrolled", age, "mean"), "value", mean(patients[[age]], na.rm = TRUE))
  put(id("A01", "enrolled", age, "sd"), "value", sd(patients[[age]], na.rm = TRUE))
}
for (column in c("disease_course_code", "clinical_phenotype_code", "critical_area_code")) {
  for (code in setdiff(unique(na.omit(patients[[column]])), "none")) {
    has <- !is.na(patients[[column]]) & patients[[column]] == code
    share("A02", "enrolled", code, has)
    for (sex in c("male", "female")) {
      share("A02", "enrolled", code, has[patients$sex_code == sex], group = sex)
    }
  }
}
flags <- grep("^has_", names(patients), value = TRUE)
for (flag in flags) {
  term <- if (flag == "has_comorbidity") "any_comorbidity" else sub("^has_", "", flag)
  share("A03", "enrolled", term, patients[[flag]] == 1)
}
share("A09", "enrolled", "evaluable", patients$is_evaluable == 1)

# A04 to A08: scores
analyses <- c(easi = "A04", sleep_nrs = "A06", itch_nrs = "A07", dlqi = "A08")
for (score in names(analyses)) {
  analysis <- analyses[[score]]
  table <- spread(paste0(score, "_score"))
  for (timepoint in timepoints) {
    known <- na.omit(table[, timepoint])
    key <- function(statistic) id(analysis, "assessed", score, statistic, timepoint = timepoint)
    put(key("n"), "value", length(known))
    put(key("mean"), "value", mean(known))
    put(key("mean"), "ci_lower", t.test(known)$conf.int[1])
    put(key("mean"), "ci_upper", t.test(known)$conf.int[2])
    put(key("sd"), "value", sd(known))
    put(key("median"), "value", median(known))
  }
  change <- if (score == "easi") "A05" else analysis
  for (timepoint in timepoints[-1]) {
    test <- t.test(table[, timepoint], table[, "baseline"], paired = TRUE)
    key <- id(change, "assessed_twice", score, "mean_change", timepoint = timepoint)
    put(key, "value", test$estimate)
    put(key, "ci_lower", test$conf.int[1])
    put(key, "p_value", test$p.value)
  }
  complete <- table[complete.cases(table), ]
  fit <- lm(complete ~ 1)
  test <- anova(fit, X = ~1, test = "Spherical")
  key <- function(statistic) id(change, "complete_cases", score, statistic)
  put(key("f_statistic"), "value", test[1, "F"])
  put(key("f_statistic"), "p_value", test[1, "G-G Pr"])
  put(key("f_statistic"), "n", nrow(complete))
  put(key("greenhouse_geisser_epsilon"), "value",
      stats:::sphericity(SSD(fit), X = ~1)$GG.eps)
  put(key("mauchly_w"), "value", mauchly.test(fit, X = ~1)$statistic)
  put(key("mauchly_w"), "p_value",
      mauchly_p(mauchly.test(fit, X = ~1)$statistic, nrow(complete), ncol(complete)))
  for (timepoint in timepoints) {
    value <- table[, timepoint]
    drop <- table[, "baseline"] - value
    if (score == "easi") {
      share("A04", "assessed", "easi_above_21", value > 21, timepoint = timepoint)
      share("A04", "assessed", "easi_below_7", value < 7, timepoint = timepoint)
      if (timepoint != "baseline") {
        for (cut in c(50, 75, 90)) {
          share("A04", "assessed_twice", paste0("easi_", cut),
                round(100 * drop / table[, "baseline"], 9) >= cut, timepoint = timepoint)
        }
      }
    } else if (score == "dlqi") {
      share("A08", "assessed", "dlqi_below_10", value < 10, timepoint = timepoint)
    } else if (timepoint != "baseline") {
      share(analysis, "assessed_twice", paste0(score, "_response"), drop >= 4,
            timepoint = timepoint)
    }
  }
}

# A10, A11: topical regimens of the evaluable
regimens <- spread("topical_regimen_code")[patients$is_evaluable == 1, ]
for (timepoint in timepoints) {
  known <- na.omit(regimens[, timepoint])
  for (regimen in c("none", "corticosteroids", "tacrolimus", "corticosteroids_and_tacrolimus")) {
    share("A10", "evaluable_at_visit", regimen, known == regimen, timepoint = timepoint)
    if (timepoint == "baseline") next
    pairs <- regimens[!is.na(regimens[, "baseline"]) & !is.na(regimens[, timepoint]), ]
    left <- sum(pairs[, "baseline"] == regimen & pairs[, timepoint] != regimen)
    entered <- sum(pairs[, "baseline"] != regimen & pairs[, timepoint] == regimen)
    key <- function(statistic) {
      id("A11", "evaluable_pairs", regimen, statistic, timepoint = timepoint)
    }
    put(key("n_left"), "value", left)
    put(key("n_entered"), "value", entered)
    put(key("odds_ratio"), "p_value", binom.test(entered, left + entered)$p.value)
    put(key("odds_ratio"), "n", nrow(pairs))
  }
}

# A12 to A14: the first tacrolimus, derived from the regimens
on <- regimens == "tacrolimus" | regimens == "corticosteroids_and_tacrolimus"
first <- apply(on, 1, function(row) which(row)[1])
last <- apply(!is.na(regimens), 1, function(row) max(which(row)))
follow_up <- data.frame(
  patient_id = patients$patient_id[patients$is_evaluable == 1],
  time = months[ifelse(is.na(first), last, first)],
  event = !is.na(first)
)
follow_up <- merge(follow_up, evaluable, by = "patient_id")
curve <- survfit(Surv(time, event) ~ 1, follow_up, conf.type = "log-log")
mean_time <- summary(curve, rmean = 12)$table
put(id("A12", "evaluable", "tacrolimus_start", "n_events"), "value", sum(follow_up$event))
put(id("A12", "evaluable", "tacrolimus_start", "restricted_mean"), "value", mean_time["rmean"])
put(id("A12", "evaluable", "tacrolimus_start", "restricted_mean_se"), "value",
    mean_time["se(rmean)"])
for (i in seq_along(curve$time)) {
  key <- paste0(id("A12", "evaluable", "tacrolimus_start", "survival"), ".month_", curve$time[i])
  put(key, "value", curve$surv[i])
  put(key, "ci_lower", curve$lower[i])
  put(key, "ci_upper", curve$upper[i])
  put(key, "n", curve$n.risk[i])
}
model <- function(formula, ties = "breslow") {
  coxph(formula, follow_up, ties = ties,
        control = coxph.control(eps = 1e-12, toler.chol = 1e-14, iter.max = 100))
}
report <- function(fit, statistic, analysis = "A13") {
  table <- summary(fit)
  for (term in rownames(table$coefficients)) {
    key <- id(analysis, "evaluable", term, statistic)
    put(key, "value", table$conf.int[term, "exp(coef)"])
    put(key, "ci_lower", table$conf.int[term, "lower .95"])
    put(key, "ci_upper", table$conf.int[term, "upper .95"])
    put(key, "p_value", table$coefficients[term, "Pr(>|z|)"])
    put(key, "n", fit$n)
  }
}
joint <- Surv(time, event) ~ dlqi_baseline_score + age_at_index_years + is_female
report(model(joint), "hazard_ratio")
report(model(joint, "efron"), "hazard_ratio_efron")
for (term in c("dlqi_baseline_score", "age_at_index_years", "is_female")) {
  report(model(reformulate(term, "Surv(time, event)")), "hazard_ratio_univariable")
}
zph <- cox.zph(model(joint), transform = "km")$table
for (term in rownames(zph)) {
  key <- id("A13", "evaluable", tolower(term), "proportional_hazards_chi_square")
  put(key, "value", zph[term, "chisq"])
  put(key, "p_value", zph[term, "p"])
}
influence <- as.matrix(residuals(model(joint), type = "dfbetas"))
for (i in 1:3) {
  put(id("A13", "evaluable", names(coef(model(joint)))[i], "largest_standardised_dfbeta"), "value",
      max(abs(influence[, i])))
}
test <- survdiff(Surv(time, event) ~ is_generalized, follow_up)
put(id("A14", "evaluable", "is_generalized", "log_rank_chi_square"), "value", test$chisq)
put(id("A14", "evaluable", "is_generalized", "log_rank_chi_square"), "p_value",
    pchisq(test$chisq, 1, lower.tail = FALSE))
report(model(Surv(time, event) ~ is_generalized), "hazard_ratio", "A14")

# A15, A18, A19: logistic models
logistic <- function(analysis, population, timepoint, formula, data, statistic = "odds_ratio") {
  fit <- glm(formula, binomial, data, control = glm.control(epsilon = 1e-14, maxit = 100))
  table <- summary(fit)$coefficients
  for (term in rownames(table)[-1]) {
    key <- id(analysis, population, term, statistic, timepoint = timepoint)
    put(key, "value", exp(table[term, "Estimate"]))
    put(key, "ci_upper", exp(confint.default(fit)[term, 2]))
    put(key, "p_value", table[term, "Pr(>|z|)"])
    put(key, "n", nrow(model.frame(fit)))
  }
}
rank_of_start <- ifelse(is.na(first), 9, first)[match(
  follow_up$patient_id, patients$patient_id[patients$is_evaluable == 1]
)]
follow_up$at_baseline <- rank_of_start == 1
for (term in c("dlqi_baseline_score", "is_female")) {
  logistic("A15", "evaluable", "baseline", reformulate(term, "at_baseline"), follow_up)
}
logistic("A15", "evaluable", "baseline", at_baseline ~ dlqi_baseline_score + is_female, follow_up,
         "odds_ratio_joint")
seen <- !is.na(regimens)[match(
  follow_up$patient_id, patients$patient_id[patients$is_evaluable == 1]
), ]
for (visit in 2:3) {
  risk <- follow_up[seen[, visit] & rank_of_start >= visit, ]
  risk$started <- rank_of_start[seen[, visit] & rank_of_start >= visit] == visit
  formula <- if (visit == 2) started ~ is_relapsing + age_at_index_years else started ~ is_relapsing
  logistic(c("", "A18", "A19")[visit], paste0("at_risk_", timepoints[visit]), timepoints[visit],
           formula, risk)
}

# A16, A17: EASI at week 4 by tacrolimus at baseline
early <- spread("easi_score")[match(follow_up$patient_id, patients$patient_id), "week_04"]
user <- ifelse(follow_up$at_baseline, "tacrolimus_at_baseline", "no_tacrolimus_at_baseline")
for (group in unique(user)) {
  share("A16", "assessed_early", "easi_below_7", (early < 7)[user == group], group = group,
        timepoint = "week_04")
  share("A17", "assessed_early", "study_moderate", (early >= 7 & early <= 21)[user == group],
        group = group, timepoint = "week_04")
  share("A17", "assessed_early", "study_severe", (early > 21)[user == group],
        group = group, timepoint = "week_04")
}
test <- suppressWarnings(chisq.test(table(user, early < 7), correct = FALSE))
key <- id("A16", "assessed_early", "easi_below_7", "chi_square", timepoint = "week_04")
put(key, "value", test$statistic)
put(key, "p_value", test$p.value)
put(key, "n", sum(test$observed))
put(id("A16", "assessed_early", "easi_below_7", "smallest_expected_count", timepoint = "week_04"),
    "value", min(test$expected))

result <- do.call(rbind, rows)
result$value <- trimws(formatC(result$value, digits = 17, format = "g"))
write.csv(result, file.path(arguments[2], "cohort.csv"), row.names = FALSE, quote = FALSE)
