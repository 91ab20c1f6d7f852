"""How much of a text llama-perplexity scores."""


def scored_positions(chunks: int, context: int) -> int:
    """Return the number of positions in so many contexts, each of so many tokens.

    Those of each context's second half but its last, whose next token is not in it.
    """
    return chunks * (context - 1 - context // 2)
