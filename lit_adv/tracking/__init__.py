"""What runs record in an experiment tracker."""
