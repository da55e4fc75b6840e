//! Wires the function.
