"""Neural tangent kernel Gram matrices and their flow."""
