//! Rigs that the black-box tests share: what stands on the other side of the real binary.

pub mod upstream;
