"""Points in any dimension: the Gram flow."""
