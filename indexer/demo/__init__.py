"""The small catalogue that `index demo` makes by code: banknotes, products and signatures, drawn."""
