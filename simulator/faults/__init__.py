"""Bad deliveries made from a clean one, each with a statement of what must happen."""
