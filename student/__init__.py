"""The planners: data, training, evaluation and serving of the student models."""
