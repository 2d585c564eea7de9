"""The delay of generalization by one formula."""
