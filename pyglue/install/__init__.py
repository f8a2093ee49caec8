"""Puts each service's artefacts into a cache outside the checkout, addressed by what pins them."""
