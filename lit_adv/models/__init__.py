"""Networks: how they are built, and the fast forms in which they are attacked."""
