"""What a run does beside attacking: averages and resumes, tells its progress, records itself."""
