"""How far a model's numbers can be believed."""
