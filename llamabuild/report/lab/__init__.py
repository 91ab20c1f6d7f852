"""A lab as one report: questions, each with its answer, and what follows from them."""
