//! How the operator lets configs be tracked.

text_enum! {
    /// How ConfigMaps or Secrets of targets are tracked.
    #[derive(Default)]
    pub enum Tracking {
        /// By a watch of their metadata: a change is seen at once. Needs the right to list and watch them.
        #[default]
        Watch = "watch",
        /// By reading them whenever their Canary is looked at for another reason. Needs the right to get them.
        Get = "get",
        /// Not at all: no copies, no rights; the primary's pods refer to what the target's pods refer to.
        Off = "off",
    }
}
