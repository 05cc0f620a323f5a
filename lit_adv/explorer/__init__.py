"""The page on which averages appear as models and copies are added."""
