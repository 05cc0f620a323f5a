"""A study with people: what do they see in perturbations (thesis 4.8.2.2)?"""
