"""Many trainings instead of one: a search of hyper-parameters, or a grid of people, folds and networks."""
