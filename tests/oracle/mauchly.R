# p-value of Mauchly's W for n patients at k time points: chi-square approximation with Anderson's
# second-order term, all of whose p are the number of contrasts, k - 1. R 4.2's mauchly.test
# has the number of time points in one place of it (3 * p instead of 3 * pp), which changes the
# p-value by less than a hundredth of itself; hence this function beside it.
mauchly_p <- function(w, n_patients, n_times) {
  p <- n_times - 1
  if (p == 1) return(1)
  n <- n_patients - 1
  rho <- 1 - (2 * p^2 + p + 2) / (6 * p * n)
  second <- (p + 2) * (p - 1) * (p - 2) * (2 * p^3 + 6 * p^2 + 3 * p + 2) /
    (288 * (n * p * rho)^2)
  z <- -n * rho * log(w)
  df <- p * (p + 1) / 2 - 1
  first <- pchisq(z, df, lower.tail = FALSE)
  first + second * (pchisq(z, df + 4, lower.tail = FALSE) - first)
}
