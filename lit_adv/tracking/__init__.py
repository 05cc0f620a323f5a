"""Records of runs in an experiment tracker."""
