"""The paper's networks, with the published checkpoints' names for every weight."""
