"""Expectations: what a delivery and a mart must look like before readers may see them."""
