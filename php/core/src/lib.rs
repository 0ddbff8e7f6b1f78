//! The core of `guarda.so`, PHP's session save handler.
//!
//! `php/ext` holds everything PHP; it calls the functions of [`ffi`], which see pointers, lengths and
//! integers. They never call PHP, so that PHP's `longjmp` crosses no Rust frame. All decisions are
//! made in [`request`], which is safe code; `unsafe` is only in [`ffi`].

mod carried;
pub mod ffi;
mod lifetime;
mod paths;
pub mod payload;
pub mod request;
pub mod settings;
