# Every estimator on every data set, in R.
#   Rscript estimators.R INPUTS OUTPUTS
# reads INPUTS/<name>.csv (oracle_inputs.py) and writes OUTPUTS/estimators.csv: one row per number.
# Iterative fits run to a far tighter tolerance than R's default, so that 1e-6 is a fair comparison.
suppressPackageStartupMessages(library(survival))
source(file.path(dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))),
                 "mauchly.R"))
arguments <- commandArgs(trailingOnly = TRUE)
folder <- arguments[1]
read <- function(name) read.csv(file.path(folder, paste0(name, ".csv")))

rows <- list()
put <- function(data_set, estimator, term, quantity, value) {
  rows[[length(rows) + 1]] <<- data.frame(
    data_set, estimator, term, quantity, value = as.numeric(value)
  )
}

cox <- function(data_set, data, covariates, ties) {
  formula <- reformulate(covariates, "Surv(time, event)")
  fit <- coxph(formula, data, ties = ties,
               control = coxph.control(eps = 1e-12, toler.chol = 1e-14, iter.max = 100))
  table <- summary(fit)
  name <- paste0("cox_", ties)
  for (i in seq_along(covariates)) {
    put(data_set, name, covariates[i], "coefficient", table$coefficients[i, "coef"])
    put(data_set, name, covariates[i], "standard_error", table$coefficients[i, "se(coef)"])
    put(data_set, name, covariates[i], "p_value", table$coefficients[i, "Pr(>|z|)"])
    put(data_set, name, covariates[i], "ratio", table$conf.int[i, "exp(coef)"])
    put(data_set, name, covariates[i], "ci_lower", table$conf.int[i, "lower .95"])
    put(data_set, name, covariates[i], "ci_upper", table$conf.int[i, "upper .95"])
  }
  if (ties != "breslow") return(invisible())
  zph <- cox.zph(fit, transform = "km", terms = FALSE)$table
  for (i in seq_len(nrow(zph))) {
    term <- if (i > length(covariates)) "global" else covariates[i]
    put(data_set, "proportional_hazards", term, "chi_square", zph[i, "chisq"])
    put(data_set, "proportional_hazards", term, "p_value", zph[i, "p"])
  }
  change <- as.matrix(residuals(fit, type = "dfbeta"))
  for (i in seq_along(covariates)) {
    put(data_set, "influence", covariates[i], "largest", max(abs(change[, i])))
    put(data_set, "influence", covariates[i], "largest_standardised",
        max(abs(change[, i])) / sqrt(fit$var[i, i]))
    put(data_set, "influence", covariates[i], "sum_of_squares", sum(change[, i]^2))
  }
}

curve <- function(data_set, data, horizon) {
  fit <- survfit(Surv(time, event) ~ 1, data, conf.type = "log-log")
  # Some twenty points of a long curve are enough.
  for (i in seq(1, length(fit$time), by = max(1, length(fit$time) %/% 20))) {
    term <- sprintf("time_%g", fit$time[i])
    put(data_set, "kaplan_meier", term, "survival", fit$surv[i])
    put(data_set, "kaplan_meier", term, "standard_error", fit$surv[i] * fit$std.err[i])
    put(data_set, "kaplan_meier", term, "ci_lower", fit$lower[i])
    put(data_set, "kaplan_meier", term, "ci_upper", fit$upper[i])
    put(data_set, "kaplan_meier", term, "n_at_risk", fit$n.risk[i])
    put(data_set, "kaplan_meier", term, "n_events", fit$n.event[i])
  }
  table <- summary(fit, rmean = horizon)$table
  put(data_set, "restricted_mean", sprintf("horizon_%g", horizon), "mean", table["rmean"])
  put(data_set, "restricted_mean", sprintf("horizon_%g", horizon), "standard_error",
      table["se(rmean)"])
}

log_rank <- function(data_set, data, group) {
  data$group <- as.character(data[[group]])
  test <- survdiff(Surv(time, event) ~ group, data)
  put(data_set, "log_rank", group, "chi_square", test$chisq)
  put(data_set, "log_rank", group, "p_value",
      pchisq(test$chisq, length(test$n) - 1, lower.tail = FALSE))
  for (i in seq_along(test$n)) {
    put(data_set, "log_rank", sub("group=", "", names(test$n)[i]), "observed", test$obs[i])
    put(data_set, "log_rank", sub("group=", "", names(test$n)[i]), "expected", test$exp[i])
  }
}

logistic <- function(data_set, data, outcome, covariates) {
  fit <- glm(reformulate(covariates, outcome), binomial, data,
             control = glm.control(epsilon = 1e-14, maxit = 100))
  table <- summary(fit)$coefficients
  interval <- exp(confint.default(fit))
  for (name in covariates) {
    put(data_set, "logistic", name, "coefficient", table[name, "Estimate"])
    put(data_set, "logistic", name, "standard_error", table[name, "Std. Error"])
    put(data_set, "logistic", name, "p_value", table[name, "Pr(>|z|)"])
    put(data_set, "logistic", name, "ci_lower", interval[name, 1])
    put(data_set, "logistic", name, "ci_upper", interval[name, 2])
  }
  put(data_set, "logistic", "intercept", "coefficient", table["(Intercept)", "Estimate"])
}

repeated <- function(data_set, scores) {
  fit <- lm(as.matrix(scores) ~ 1)
  test <- anova(fit, X = ~1, test = "Spherical")
  put(data_set, "repeated_measures", "time", "f_statistic", test[1, "F"])
  put(data_set, "repeated_measures", "time", "p_uncorrected", test[1, "Pr(>F)"])
  put(data_set, "repeated_measures", "time", "p_value", test[1, "G-G Pr"])
  put(data_set, "repeated_measures", "time", "epsilon",
      stats:::sphericity(SSD(fit), X = ~1)$GG.eps)
  sphericity <- mauchly.test(fit, X = ~1)
  put(data_set, "repeated_measures", "sphericity", "w", sphericity$statistic)
  put(data_set, "repeated_measures", "sphericity", "p_value",
      mauchly_p(sphericity$statistic, nrow(scores), ncol(scores)))
  put(data_set, "repeated_measures", "sphericity", "p_value_of_mauchly_test", sphericity$p.value)
}

paired <- function(data_set, scores) {
  test <- t.test(scores[[2]], scores[[1]], paired = TRUE)
  put(data_set, "paired_t", "change", "t_statistic", test$statistic)
  put(data_set, "paired_t", "change", "mean_difference", test$estimate)
  put(data_set, "paired_t", "change", "ci_lower", test$conf.int[1])
  put(data_set, "paired_t", "change", "ci_upper", test$conf.int[2])
  put(data_set, "paired_t", "change", "p_value", test$p.value)
}

summarise <- function(data_set, term, values) {
  values <- values[!is.na(values)]
  put(data_set, "summary", term, "mean", mean(values))
  put(data_set, "summary", term, "standard_deviation", sd(values))
  put(data_set, "summary", term, "ci_lower", t.test(values)$conf.int[1])
  put(data_set, "summary", term, "ci_upper", t.test(values)$conf.int[2])
  quartiles <- quantile(values, c(0.25, 0.5, 0.75))
  put(data_set, "summary", term, "first_quartile", quartiles[1])
  put(data_set, "summary", term, "median", quartiles[2])
  put(data_set, "summary", term, "third_quartile", quartiles[3])
}

rossi <- read("rossi")
lung <- read("lung")
waltons <- read("waltons")
skeleton <- read("skeleton")
spector <- read("spector")
elnino <- read("elnino")
grunfeld <- read("grunfeld")

for (ties in c("breslow", "efron")) {
  cox("rossi", rossi, c("fin", "age", "prio"), ties)
  cox("lung", lung, c("age", "sex", "ecog"), ties)
  cox("skeleton", skeleton, c("dlqi_bl", "age_init", "female"), ties)
}
curve("rossi", rossi, 40)
curve("lung", lung, 365)
curve("waltons", waltons, 60)
curve("skeleton", skeleton, 12)
log_rank("rossi", rossi, "fin")
log_rank("lung", lung, "sex")
log_rank("waltons", waltons, "group")
log_rank("skeleton", skeleton, "generalized")
logistic("spector", spector, "GRADE", c("GPA", "TUCE", "PSI"))
logistic("rossi", rossi, "event", c("age", "prio"))
logistic("skeleton", skeleton, "baseline_any_tac", c("dlqi_bl", "female"))
repeated("elnino", elnino)
repeated("grunfeld", grunfeld)
repeated("grunfeld_two_times", grunfeld[, 1:2])
paired("elnino", elnino)
paired("grunfeld", grunfeld)
summarise("rossi", "age", rossi$age)
summarise("lung", "ecog", lung$ecog)
summarise("skeleton", "dlqi_bl", skeleton$dlqi_bl)

pairs <- read("pairs")
for (i in seq_len(nrow(pairs))) {
  pair <- pairs[i, ]
  test <- binom.test(pair$entered, pair$left + pair$entered)
  put("pairs", "exact_mcnemar", pair$name, "p_value", test$p.value)
  odds <- test$conf.int / (1 - test$conf.int)
  put("pairs", "exact_mcnemar", pair$name, "ci_lower", odds[1])
  put("pairs", "exact_mcnemar", pair$name, "ci_upper", if (is.finite(odds[2])) odds[2] else NA)
}
tables <- read("tables")
for (name in unique(tables$name)) {
  counts <- xtabs(count ~ row + column, tables[tables$name == name, ])
  test <- suppressWarnings(chisq.test(counts, correct = FALSE))
  put("tables", "pearson_chi_square", name, "statistic", test$statistic)
  put("tables", "pearson_chi_square", name, "p_value", test$p.value)
  put("tables", "pearson_chi_square", name, "smallest_expected", min(test$expected))
}
proportions <- read("proportions")
for (i in seq_len(nrow(proportions))) {
  one <- proportions[i, ]
  interval <- suppressWarnings(prop.test(one$n, one$total, correct = FALSE)$conf.int)
  put("proportions", "wilson", one$name, "ci_lower", interval[1])
  put("proportions", "wilson", one$name, "ci_upper", interval[2])
}

result <- do.call(rbind, rows)
result$value <- trimws(formatC(result$value, digits = 17, format = "g"))
write.csv(result, file.path(arguments[2], "estimators.csv"), row.names = FALSE, quote = FALSE)
