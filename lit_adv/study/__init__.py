"""A study of what people see in perturbations (thesis 4.8.2.2)."""
