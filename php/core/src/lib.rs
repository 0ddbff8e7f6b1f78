//! The core of `guarda.so`, PHP's session save handler.
//!
//! `php/ext/guarda.c` holds everything PHP; it calls the functions of [`ffi`], which see pointers,
//! lengths and integers. They never call PHP, so that PHP's `longjmp` crosses no Rust frame. All
//! decisions are made in [`request`], which is safe code; `unsafe` is only in [`ffi`].

pub mod ffi;
pub mod request;
