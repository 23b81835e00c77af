"""How to train and predict."""
