"""The media plane as the control plane sees it: a pool of workers, typed events, handles. No policy lives here."""
