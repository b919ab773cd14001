# Which R computed the outputs.   Rscript versions.R OUTPUTS
packages <- c("survival", "stats")
versions <- data.frame(
  name = c("R", packages),
  version = c(paste(R.version$major, R.version$minor, sep = "."),
              sapply(packages, function(name) as.character(packageVersion(name))))
)
write.csv(versions, file.path(commandArgs(trailingOnly = TRUE)[1], "versions.csv"),
          row.names = FALSE, quote = FALSE)
