"""`make bench`: the numbers of docs/numbers.md, measured on real stacks in temporary copies of the checkout.

Law of this package: it measures and prints, and asserts no time. Every stack is a copy of its own on free ports,
so that it runs beside another one, and is gone afterwards, data and all.
"""
