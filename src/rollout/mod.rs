//! The state machine. [`decide`](fn@decide) is a pure function from an [`Observation`], the operator's [`Settings`] and the time
//! to a [`Decision`]; it reads nothing and writes nothing.

mod affinity;
mod alert;
mod analyse;
mod ask;
mod clock;
mod conditions;
mod configs;
mod converge;
mod decide;
mod decision;
mod draft;
mod event;
mod failure;
mod farewell;
mod gates;
mod hooks;
mod observation;
mod plan;
mod promote;
mod protect;
mod refs;
mod rest;
mod scaler;
mod scene;
mod settings;
mod sketch;
mod text;
mod timeline;

pub use alert::{Alert, Audience, alert, audience};
pub use ask::{Answer, Answers, Ask, AskId, Measured, Question};
pub use configs::configs;
pub use decide::decide;
pub use decision::{Decision, Effect, Manager, starts};
pub use event::{Event, Reason};
pub use failure::{Cause, Failure, Writes};
pub use farewell::WAY_OUT;
pub use hooks::{Call, HookHosts, Payload, Reach, Reply, event_calls, global_event_call};
pub use observation::{Needs, Observation, names, needs};
pub use plan::{Next, Plan};
pub use refs::{metric_templates, primary};
pub use scene::{interval, plan, provider};
pub use settings::{ConfigTracking, Inconclusive, Settings};
pub use sketch::Sketches;
pub use timeline::{Act, Step, Timeline};
