"""What the declared truth implies for the estimates of a study, beyond what truth.yml says."""
