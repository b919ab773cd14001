"""Bad deliveries made from a clean one, each with the outcomes that are allowed."""
