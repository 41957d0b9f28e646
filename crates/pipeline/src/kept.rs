//! What a module keeps between two hooks of one request.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// What a module keeps from one hook of a request to the next. It is the module's own: no other sees it, and it is
/// in no trace.
///
/// It is dropped with the request, whether or not `post` has run: a guard in it hears of a request that was given up.
#[derive(Clone, Default)]
pub struct Kept(Option<Arc<dyn Any + Send + Sync>>);

impl Kept {
    /// Keeps `value` instead of what there was.
    pub fn put<T: Any + Send + Sync>(&mut self, value: T) {
        self.0 = Some(Arc::new(value));
    }

    /// What is kept, if it is a `T`.
    pub fn get<T: Any + Send + Sync>(&self) -> Option<&T> {
        self.0.as_deref()?.downcast_ref()
    }

    /// Takes out what is kept, if it is a `T`.
    pub fn take<T: Any + Send + Sync>(&mut self) -> Option<Arc<T>> {
        self.0.take_if(|kept| kept.is::<T>())?.downcast().ok()
    }

    /// Whether there is nothing.
    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_empty() { "Kept(nothing)" } else { "Kept(something)" })
    }
}
