"""The stages of training, in the order in which they run."""
