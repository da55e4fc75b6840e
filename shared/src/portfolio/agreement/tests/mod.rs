//! Agreements: the machine, the rules, the texts.
