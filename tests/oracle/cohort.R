# The numbers of the paper once more, in R, from the patients' scores, regimens and covariates.
#   Rscript cohort.R INPUTS OUTPUTS
# reads INPUTS/patients.csv, visits.csv and evaluable.csv (cohort_inputs.py, exports.R), derives the
# time to tacrolimus, the populations at risk and the responses by itself, and writes
# OUTPUTS/cohort.csv: result_id, field, value; NA where R cannot estimate either. Where R gives a
# number that the data do not support, the rule beside it says what is given in its place.
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
# A value, or NA where R stops or warns that it cannot be had.
attempt <- function(expression) {
  tryCatch(expression, error = function(problem) NA, warning = function(problem) NA)
}
share <- function(analysis, population, term, flag, ...) {
  flag <- flag[!is.na(flag)]
  put(id(analysis, population, term, "n", ...), "value", sum(flag))
  percent <- if (length(flag)) 100 * sum(flag) / length(flag) else NA
  put(id(analysis, population, term, "percent", ...), "value", percent)
  put(id(analysis, population, term, "percent", ...), "denominator", length(flag))
}
spread <- function(column) {
  sapply(timepoints, function(timepoint) {
    part <- visits[visits$timepoint_code == timepoint, ]
    part[[column]][match(patients$patient_id, part$patient_id)]
  })
}
# Student's interval; none where every value is the same.
mean_interval <- function(x) attempt(t.test(x)$conf.int)

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
  put(id("A03", "enrolled", term, "n_not_known"), "value", sum(is.na(patients[[flag]])))
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
    put(key("mean"), "ci_lower", mean_interval(known)[1])
    put(key("mean"), "ci_upper", mean_interval(known)[2])
    put(key("sd"), "value", sd(known))
    put(key("median"), "value", median(known))
  }
  change <- if (score == "easi") "A05" else analysis
  for (timepoint in timepoints[-1]) {
    change_of <- na.omit(table[, timepoint] - table[, "baseline"])
    key <- id(change, "assessed_twice", score, "mean_change", timepoint = timepoint)
    put(key, "value", mean(change_of))
    put(key, "ci_lower", mean_interval(change_of)[1])
    put(key, "p_value", attempt(t.test(change_of)$p.value))
  }
  complete <- table[complete.cases(table), , drop = FALSE]
  fit <- attempt(lm(complete ~ 1))
  test <- attempt(anova(fit, X = ~1, test = "Spherical"))
  key <- function(statistic) id(change, "complete_cases", score, statistic)
  put(key("f_statistic"), "value", attempt(test[1, "F"]))
  put(key("f_statistic"), "p_value", attempt(test[1, "G-G Pr"]))
  put(key("f_statistic"), "n", nrow(complete))
  put(key("greenhouse_geisser_epsilon"), "value",
      attempt(stats:::sphericity(SSD(fit), X = ~1)$GG.eps))
  w <- attempt(mauchly.test(fit, X = ~1)$statistic)
  put(key("mauchly_w"), "value", w)
  put(key("mauchly_w"), "p_value", mauchly_p(w, nrow(complete), ncol(complete)))
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
regimens <- spread("topical_regimen_code")[patients$is_evaluable == 1, , drop = FALSE]
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
    # Of nobody who changed, none or fewer did: 1.
    put(key("odds_ratio"), "p_value",
        if (left + entered == 0) 1 else binom.test(entered, left + entered)$p.value)
    put(key("odds_ratio"), "n", nrow(pairs))
  }
}

# A12 to A14: the first tacrolimus, derived from the regimens, or from what exports.R found
on <- if (is.null(visits$tacrolimus)) {
  regimens == "tacrolimus" | regimens == "corticosteroids_and_tacrolimus"
} else {
  spread("tacrolimus")[patients$is_evaluable == 1, , drop = FALSE]
}
# Followed to the first timepoint of unknown state: a use that is seen later need not be the first.
followed <- t(apply(on, 1, function(row) ifelse(cumsum(is.na(row)) > 0, NA, row)))
first <- apply(followed, 1, function(row) which(row)[1])
last <- apply(!is.na(followed), 1, function(row) max(which(row), 0))
# A patient whose state at baseline is not known is censored at month 0.
moment <- pmax(ifelse(is.na(first), last, first), 1)
follow_up <- data.frame(
  patient_id = patients$patient_id[patients$is_evaluable == 1],
  time = months[moment],
  event = !is.na(first)
)
if (!is.null(visits$visit_day)) {
  days <- spread("visit_day")[patients$is_evaluable == 1, , drop = FALSE]
  days <- ifelse(is.na(first) & last == 0, 0, days[cbind(seq_along(moment), moment)])
  follow_up$month_of_day <- pmax(days, 0) / 30.4375
}
follow_up <- merge(follow_up, evaluable, by = "patient_id")
restricted_mean <- function(time, event, statistic, followed_to) {
  key <- id("A12", "evaluable", "tacrolimus_start", statistic)
  curve <- survfit(Surv(time, event) ~ 1)
  table <- summary(curve, rmean = 12)$table
  # R carries the curve flat to month 12 from wherever it ends: not where nobody was observed then.
  is_observed <- max(time) >= followed_to || min(curve$surv) == 0
  put(key, "value", if (is_observed) table["rmean"] else NA)
  # An error of 0 is no interval: nobody, or everybody at once, had the event.
  error <- if (is_observed && table["se(rmean)"] > 0) table["se(rmean)"] else NA
  put(key, "ci_lower", max(0, table["rmean"] - qnorm(0.975) * error))
  put(key, "ci_upper", min(12, table["rmean"] + qnorm(0.975) * error))
  invisible(error)
}
put(id("A12", "evaluable", "tacrolimus_start", "n_events"), "value", sum(follow_up$event))
error <- restricted_mean(follow_up$time, follow_up$event, "restricted_mean", 12)
put(id("A12", "evaluable", "tacrolimus_start", "restricted_mean_se"), "value", error)
if (!is.null(follow_up$month_of_day)) {
  restricted_mean(follow_up$month_of_day, follow_up$event, "restricted_mean_by_study_days",
                  322 / 30.4375)
}
curves <- function(analysis, data, group = "all") {
  curve <- survfit(Surv(time, event) ~ 1, data, conf.type = "log-log")
  for (i in seq_along(curve$time)) {
    key <- paste0(id(analysis, "evaluable", "tacrolimus_start", "survival", group), ".month_",
                  curve$time[i])
    ends <- c(curve$lower[i], curve$upper[i])
    # R gives 1 to 1 before the first event and nothing where nobody is left: exact in their place,
    # unless somebody left before whose end is not known.
    if (curve$surv[i] == 1) ends <- binom.test(curve$n.risk[i], curve$n.risk[i])$conf.int
    if (curve$surv[i] == 0) {
      ends <- if (sum(head(curve$n.censor, i - 1))) c(NA, NA) else binom.test(0, curve$n)$conf.int
    }
    put(key, "value", curve$surv[i])
    put(key, "ci_lower", ends[1])
    put(key, "ci_upper", ends[2])
    put(key, "n", curve$n.risk[i])
  }
}
curves("A12", follow_up)
# Ties at one time that is also the last for everybody compare nobody with anybody.
at_risk <- follow_up[follow_up$time >= min(follow_up$time[follow_up$event], Inf), ]
is_compared <- any(follow_up$event) && !(all(at_risk$event) && length(unique(at_risk$time)) == 1)
model <- function(terms, ties = "breslow") {
  if (!is_compared) return(NA)
  fit <- function(terms) {
    attempt(coxph(reformulate(terms, "Surv(time, event)"), follow_up, ties = ties,
                  control = coxph.control(eps = 1e-12, toler.chol = 1e-14, iter.max = 100)))
  }
  # NA: a term that does not vary among those at risk, or follows from the others.
  kept <- attempt(names(which(!is.na(coef(fit(terms))))))
  if (length(kept) && !anyNA(kept)) fit(kept) else NA
}
# Ratios per point of DLQI and year of age are given per 5 points and 10 years too.
steps <- list(dlqi_baseline_score = c("5", "points"), age_at_index_years = c("10", "years"))
per_step <- function(key, term, fit) {
  if (!term %in% names(steps)) return(invisible())
  units <- as.numeric(steps[[term]][1])
  key <- paste(c(key, "per", steps[[term]]), collapse = "_")
  ends <- exp(units * confint.default(fit)[term, ])
  put(key, "value", exp(units * coef(fit)[[term]]))
  put(key, "ci_lower", ends[[1]])
  put(key, "ci_upper", ends[[2]])
}
report <- function(fit, terms, statistic, analysis = "A13") {
  for (term in terms) {
    key <- id(analysis, "evaluable", term, statistic)
    row <- if (inherits(fit, "coxph")) match(term, names(coef(fit))) else NA
    table <- if (is.na(row)) NULL else summary(fit)
    put(key, "value", if (is.na(row)) NA else table$conf.int[row, "exp(coef)"])
    put(key, "ci_lower", if (is.na(row)) NA else table$conf.int[row, "lower .95"])
    put(key, "ci_upper", if (is.na(row)) NA else table$conf.int[row, "upper .95"])
    put(key, "p_value", if (is.na(row)) NA else table$coefficients[row, "Pr(>|z|)"])
    if (!is.na(row)) put(key, "n", fit$n)
    if (!is.na(row)) per_step(key, term, fit)
  }
}
covariates <- c("dlqi_baseline_score", "age_at_index_years", "is_female")
joint <- model(covariates)
report(joint, covariates, "hazard_ratio")
report(model(covariates, "efron"), covariates, "hazard_ratio_efron")
for (term in covariates) report(model(term), term, "hazard_ratio_univariable")
if (inherits(joint, "coxph")) {
  zph <- cox.zph(joint, transform = "km")$table
  for (term in rownames(zph)) {
    key <- id("A13", "evaluable", tolower(term), "proportional_hazards_chi_square")
    put(key, "value", zph[term, "chisq"])
    put(key, "p_value", zph[term, "p"])
  }
  influence <- as.matrix(residuals(joint, type = "dfbetas"))
  for (i in seq_along(coef(joint))) {
    put(id("A13", "evaluable", names(coef(joint))[i], "largest_standardised_dfbeta"), "value",
        max(abs(influence[, i])))
  }
}
test <- if (is_compared) attempt(survdiff(Surv(time, event) ~ is_generalized, follow_up)) else NA
chi_square <- attempt(test$chisq)
put(id("A14", "evaluable", "is_generalized", "log_rank_chi_square"), "value", chi_square)
put(id("A14", "evaluable", "is_generalized", "log_rank_chi_square"), "p_value",
    pchisq(chi_square, 1, lower.tail = FALSE))
report(model("is_generalized"), "is_generalized", "hazard_ratio", "A14")
for (value in unique(na.omit(follow_up$is_generalized))) {
  curves("A14", follow_up[follow_up$is_generalized %in% value, ],
         if (value == 1) "generalized" else "not_generalized")
}

# A15, A18, A19: logistic models; who is at risk is known where every earlier state is
logistic <- function(analysis, population, timepoint, terms, outcome, data,
                     statistic = "odds_ratio") {
  # A warning: the outcome is separated, the estimate infinite.
  fit <- function(terms) {
    attempt(glm(reformulate(terms, outcome), binomial, data,
                control = glm.control(epsilon = 1e-14, maxit = 100)))
  }
  # A term that does not vary, or follows from the others, is left out (with so small an epsilon glm
  # does not see it).
  design <- model.matrix(reformulate(terms), data)
  varies <- sort(qr(design)$pivot[seq_len(qr(design)$rank)])
  kept <- setdiff(colnames(design)[varies], "(Intercept)")
  can_fit <- length(kept) && length(unique(na.omit(data[[outcome]]))) == 2
  fitted <- if (can_fit) fit(kept) else NA
  table <- if (inherits(fitted, "glm")) summary(fitted)$coefficients else matrix(NA, 0, 0)
  for (term in terms) {
    key <- id(analysis, population, term, statistic, timepoint = timepoint)
    is_there <- term %in% rownames(table)
    put(key, "value", if (is_there) exp(table[term, "Estimate"]) else NA)
    put(key, "ci_upper", if (is_there) exp(confint.default(fitted)[term, 2]) else NA)
    put(key, "p_value", if (is_there) table[term, "Pr(>|z|)"] else NA)
    if (is_there) put(key, "n", nrow(model.frame(fitted)))
    if (is_there) per_step(key, term, fitted)
  }
}
order_of <- match(follow_up$patient_id, patients$patient_id[patients$is_evaluable == 1])
on <- on[order_of, , drop = FALSE]
follow_up$at_baseline <- on[, 1]
for (term in c("dlqi_baseline_score", "is_female")) {
  logistic("A15", "evaluable", "baseline", term, "at_baseline", follow_up)
}
logistic("A15", "evaluable", "baseline", c("dlqi_baseline_score", "is_female"), "at_baseline",
         follow_up, "odds_ratio_joint")
for (visit in 2:3) {
  earlier <- if (visit == 2) on[, 1] else on[, 1] | on[, 2]
  is_at_risk <- !is.na(on[, visit]) & !earlier
  analysis <- c("", "A18", "A19")[visit]
  put(id(analysis, "evaluable", paste0("at_risk_", timepoints[visit]), "n_not_known",
         timepoint = timepoints[visit]), "value", sum(is.na(is_at_risk)))
  risk <- follow_up[is_at_risk %in% TRUE, ]
  risk$started <- on[is_at_risk %in% TRUE, visit]
  terms <- if (visit == 2) c("is_relapsing", "age_at_index_years") else "is_relapsing"
  logistic(analysis, paste0("at_risk_", timepoints[visit]), timepoints[visit], terms, "started",
           risk)
}

# A16, A17: EASI at week 4 by tacrolimus at baseline
early <- spread("easi_score")[match(follow_up$patient_id, patients$patient_id), "week_04"]
user <- ifelse(follow_up$at_baseline, "tacrolimus_at_baseline", "no_tacrolimus_at_baseline")
groups <- c("tacrolimus_at_baseline", "no_tacrolimus_at_baseline")
for (group in groups) {
  share("A16", "assessed_early", "easi_below_7", (early < 7)[user == group], group = group,
        timepoint = "week_04")
  share("A17", "assessed_early", "study_moderate", (early >= 7 & early <= 21)[user == group],
        group = group, timepoint = "week_04")
  share("A17", "assessed_early", "study_severe", (early > 21)[user == group],
        group = group, timepoint = "week_04")
}
counts <- table(factor(user, groups), factor(early < 7, c(FALSE, TRUE)))
# An empty row or column: nothing to compare.
is_compared <- all(rowSums(counts) > 0) && all(colSums(counts) > 0)
test <- suppressWarnings(chisq.test(counts, correct = FALSE))
key <- id("A16", "assessed_early", "easi_below_7", "chi_square", timepoint = "week_04")
put(key, "value", if (is_compared) test$statistic else NA)
put(key, "p_value", if (is_compared) test$p.value else NA)
put(key, "n", sum(counts))
put(id("A16", "assessed_early", "easi_below_7", "smallest_expected_count", timepoint = "week_04"),
    "value", if (is_compared) min(test$expected) else NA)

# A20: adverse events from day 0 on; of a partial onset whether that is so may not be known, and an
# unmapped event may be of any kind. A patient in whom an event may be it is left out (NA).
if (file.exists(file.path(arguments[1], "events.csv"))) {
  events <- read("events")
  with_event <- function(chosen) patients$patient_id %in% events$patient_id[which(chosen)]
  emergent <- events$is_treatment_emergent == 1
  known_share <- function(term, surely, perhaps) {
    has <- with_event(emergent & surely)
    has[!has & with_event((is.na(emergent) | emergent) & perhaps)] <- NA
    share("A20", "enrolled", term, has)
    put(id("A20", "enrolled", term, "n_not_known"), "value", sum(is.na(has)))
  }
  known_share("any_adverse_event", TRUE, TRUE)
  for (code in unique(events$adverse_event_code[which(emergent)])) {
    is_it <- events$adverse_event_code == code
    known_share(code, is_it, is_it | events$adverse_event_code == "unmapped")
  }
}

result <- do.call(rbind, rows)
result$value <- trimws(formatC(result$value, digits = 12, format = "g"))
write.csv(result, file.path(arguments[2], "cohort.csv"), row.names = FALSE, quote = FALSE)
