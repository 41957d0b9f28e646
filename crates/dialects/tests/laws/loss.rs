//! Losses: what cannot be carried is named.
