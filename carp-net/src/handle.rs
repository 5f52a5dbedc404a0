//! Asking a running driver from elsewhere.

use std::fmt;
use std::sync::mpsc;

use crate::backend::Waker;
use crate::{Backend, Driver, Error, ErrorKind, Result};

type Request<B> = Box<dyn FnOnce(&mut Driver<B>) + Send>;

/// Asks a running [`Driver`], from any thread, to change, to report or to stop.
pub struct Handle<B> {
    sender: mpsc::Sender<Request<B>>,
    waker: Waker,
}

impl<B: Backend + 'static> Handle<B> {
    /// Has the driver do `request` soon, without waiting for it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Stopping`] where the driver is gone.
    pub fn send(&self, request: impl FnOnce(&mut Driver<B>) + Send + 'static) -> Result<()> {
        let gone = |_| Error::new("driver", ErrorKind::Stopping);
        self.sender.send(Box::new(request)).map_err(gone)?;
        self.waker.wake();
        Ok(())
    }

    /// Has the driver do `request` and waits for what it returns. Not for use in the driver's
    /// own thread, which would wait for itself.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Stopping`] where the driver is gone.
    pub fn call<R: Send + 'static>(
        &self,
        request: impl FnOnce(&mut Driver<B>) -> R + Send + 'static,
    ) -> Result<R> {
        let (answer, answered) = mpsc::sync_channel(1);
        self.send(move |driver| {
            // Whoever asked may have gone; then nobody misses the answer.
            drop(answer.send(request(driver)));
        })?;
        let gone = |_| Error::new("driver", ErrorKind::Stopping);
        answered.recv().map_err(gone)
    }

    /// Has the driver stop in good order; [`Driver::run`] returns when nothing is left.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Stopping`] where the driver is gone.
    pub fn shutdown(&self) -> Result<()> {
        self.send(Driver::stop)
    }
}

impl<B> Clone for Handle<B> {
    fn clone(&self) -> Self {
        Self {
            sender: self.sender.clone(),
            waker: self.waker.clone(),
        }
    }
}

impl<B> fmt::Debug for Handle<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}

/// The driver's end.
pub(crate) struct Requests<B> {
    receiver: mpsc::Receiver<Request<B>>,
    handle: Handle<B>,
}

impl<B> Requests<B> {
    pub(crate) fn new(waker: Waker) -> Self {
        let (sender, receiver) = mpsc::channel();
        Self {
            receiver,
            handle: Handle { sender, waker },
        }
    }

    pub(crate) fn handle(&self) -> Handle<B> {
        self.handle.clone()
    }

    pub(crate) fn next(&self) -> Option<Request<B>> {
        self.receiver.try_recv().ok()
    }
}

impl<B> fmt::Debug for Requests<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requests").finish_non_exhaustive()
    }
}
