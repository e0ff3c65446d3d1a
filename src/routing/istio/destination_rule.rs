//! `spec.service.trafficPolicy` as the policy of both DestinationRules.

use serde_json::{Value, json};

use super::text;
use crate::{
    api::{
        CanaryService,
        traffic_policy::{ClientTls, ConnectionPool, LoadBalancer, OutlierDetection, TlsMode, TrafficPolicy},
    },
    routing::Problem,
};

const AT: &str = "spec.service.trafficPolicy";

/// The policy, whose form is Istio's; null if it says nothing.
pub(super) fn policy(service: &CanaryService, problems: &mut Vec<Problem>) -> Value {
    let Some(policy) = &service.traffic_policy else { return Value::Null };
    if let Some(pool) = &policy.connection_pool {
        check_pool(pool, problems);
    }
    if let Some(balancer) = &policy.load_balancer {
        check_balancer(balancer, problems);
    }
    if let Some(outliers) = &policy.outlier_detection {
        check_outliers(outliers, problems);
    }
    if let Some(tls) = &policy.tls {
        check_tls(tls, problems);
    }
    // Istio refuses a pool and a policy without a word in them.
    let pool = policy.connection_pool.clone().filter(|pool| pool.http.is_some());
    let policy = TrafficPolicy { connection_pool: pool, ..policy.clone() };
    if policy == TrafficPolicy::default() { Value::Null } else { json!(policy) }
}

fn check_pool(pool: &ConnectionPool, problems: &mut Vec<Problem>) {
    let idle = pool.http.as_ref().and_then(|http| http.idle_timeout.as_deref());
    check_time(idle, "connectionPool.http.idleTimeout", problems);
}

fn check_balancer(balancer: &LoadBalancer, problems: &mut Vec<Problem>) {
    check_time(balancer.warmup_duration_secs.as_deref(), "loadBalancer.warmupDurationSecs", problems);
    if let Some(cookie) = balancer.consistent_hash.as_ref().and_then(|hash| hash.http_cookie.as_ref())
        && cookie.name.as_deref().unwrap_or_default().is_empty()
    {
        problems.push(Problem::new(
            format!("{AT}.loadBalancer.consistentHash.httpCookie.name"),
            "is missing: name the cookie",
        ));
    }
    let Some(localities) = &balancer.locality_lb_setting else { return };
    let at = format!("{AT}.loadBalancer.localityLbSetting");
    if !localities.distribute.is_empty() && !localities.failover.is_empty() {
        problems.push(Problem::new(&at, "Istio takes one of distribute and failover: remove the other"));
    }
    for (index, share) in localities.distribute.iter().enumerate() {
        let fits = share.to.values().all(|percent| (1..=100).contains(percent));
        if !fits || share.to.values().sum::<i32>() != 100 {
            problems.push(Problem::new(
                format!("{at}.distribute[{index}].to"),
                "the shares of a locality go from 1 to 100 and have the sum 100: correct them",
            ));
        }
    }
    for (index, failover) in localities.failover.iter().enumerate() {
        if failover.from == failover.to {
            problems.push(Problem::new(
                format!("{at}.failover[{index}]"),
                "from and to are the same region: name another one",
            ));
        }
    }
}

fn check_outliers(outliers: &OutlierDetection, problems: &mut Vec<Problem>) {
    check_time(outliers.base_ejection_time.as_deref(), "outlierDetection.baseEjectionTime", problems);
    check_time(outliers.interval.as_deref(), "outlierDetection.interval", problems);
    let counted = outliers.consecutive_local_origin_failures.is_some_and(|failures| failures > 0);
    if counted && outliers.split_external_local_origin_errors != Some(true) {
        problems.push(Problem::new(
            format!("{AT}.outlierDetection.consecutiveLocalOriginFailures"),
            "has no effect without splitExternalLocalOriginErrors: set that to true",
        ));
    }
}

fn check_tls(tls: &ClientTls, problems: &mut Vec<Problem>) {
    if tls.mode != Some(TlsMode::Mutual) {
        return;
    }
    let files = [("clientCertificate", &tls.client_certificate), ("privateKey", &tls.private_key)];
    for (field, _) in files.into_iter().filter(|(_, file)| file.as_deref().unwrap_or_default().is_empty()) {
        problems.push(Problem::new(
            format!("{AT}.tls.{field}"),
            "is missing: mode MUTUAL needs the paths of certificate and key; ISTIO_MUTUAL has its own",
        ));
    }
}

fn check_time(time: Option<&str>, field: &str, problems: &mut Vec<Problem>) {
    if let Some(time) = time {
        text::duration(time, &format!("{AT}.{field}"), problems);
    }
}
