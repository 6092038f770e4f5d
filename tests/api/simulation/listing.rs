//! Listings, and what must be on them: they come from the index, which is behind the table.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::run_model::since_zero;
use crate::simulator::process::Settings;
use crate::simulator::services::Write;
use crate::simulator::transitions::number;
use crate::support::request::Page;

/// A listing that a client has read.
#[derive(Clone, Debug)]
pub struct Listing {
    account_id: String,
    /// The definition whose runs are listed; none, if definitions are.
    name: Option<&'static str>,
    is_ascending: bool,
    max_results: usize,
    pub pages: Vec<SeenPage>,
    /// The last page was read.
    pub is_complete: bool,
}

/// A page of a listing.
#[derive(Clone, Debug)]
pub struct SeenPage {
    pub invoked: Duration,
    pub ended: Duration,
    /// Those of the process.
    pub by: Settings,
    pub body: Value,
}

/// What the table has held, and when.
pub struct Versions<'a>(BTreeMap<&'a str, Vec<Version<'a>>>);

/// An item between two writes.
#[derive(Clone, Copy, Debug)]
struct Version<'a> {
    from: Duration,
    until: Duration,
    item: &'a Value,
}

impl<'a> Versions<'a> {
    pub fn new(writes: &'a [Write]) -> Self {
        let mut versions: BTreeMap<_, Vec<Version>> = BTreeMap::new();
        for write in writes {
            let versions = versions.entry(write.key.as_str()).or_default();
            if let Some(last) = versions.last_mut() {
                last.until = last.until.min(write.at);
            }
            let of = |item| Version { from: write.at, until: Duration::MAX, item };
            versions.extend(write.item.as_ref().map(of));
        }
        Self(versions)
    }

    fn of(&self, key: &str) -> &[Version<'a>] {
        self.0.get(key).map_or(&[], Vec::as_slice)
    }

    /// The items of which these attributes have not changed from before `from` until after `until`, by their keys.
    fn lasting(
        &self,
        prefix: &str,
        attributes: [&str; 3],
        from: Duration,
        until: Duration,
    ) -> Vec<(&'a str, &'a Value)> {
        let of_prefix = self.0.iter().filter(|(key, _)| key.starts_with(prefix));
        let lasting = of_prefix.filter_map(|(key, versions)| {
            let mut between = versions.iter().filter(|version| version.from <= until && from <= version.until);
            let first = between.next()?;
            let is_same =
                |version: &Version| attributes.iter().all(|name| version.item.get(*name) == first.item.get(*name));
            let mut last = first;
            for version in between {
                if version.from != last.until || !is_same(version) {
                    return None;
                }
                last = version;
            }
            let is_shown = attributes.iter().all(|name| first.item.get(*name).is_some());
            (first.from <= from && last.until > until && is_shown).then_some((*key, first.item))
        });
        lasting.collect()
    }
}

impl Version<'_> {
    fn overlaps(&self, from: Duration, until: Duration) -> bool {
        self.from <= until && from <= self.until
    }
}

impl Listing {
    pub fn new(account_id: &str, name: Option<&'static str>, first: &Page) -> Self {
        Self {
            account_id: account_id.to_owned(),
            name,
            is_ascending: first.is_ascending(),
            max_results: first.max_results.unwrap_or(100),
            pages: Vec::new(),
            is_complete: false,
        }
    }

    pub fn entries(&self) -> impl Iterator<Item = &Value> {
        self.pages.iter().flat_map(|page| self.entries_of(page))
    }

    fn entries_of<'a>(&self, page: &'a SeenPage) -> &'a [Value] {
        let name = if self.name.is_some() { "workflowRunSummaries" } else { "workflowDefinitionSummaries" };
        page.body[name].as_array().unwrap()
    }

    /// The time and the id by which the listing is ordered.
    fn position<'a>(&self, entry: &'a Value) -> (&'a str, &'a str) {
        let [at, id] = match self.name {
            Some(_) => ["startedAt", "workflowRunId"],
            None => ["createdAt", "workflowDefinitionName"],
        };
        (entry[at].as_str().unwrap(), entry[id].as_str().unwrap())
    }

    /// Checks the listing against what the table has held.
    ///
    /// # Panics
    /// If it is in disorder or repeats something; shows what has been deleted, or is another's; or misses what was there
    /// all the time. `index_delay` is the longest time that a write takes to reach the index.
    pub fn check(&self, versions: &Versions, index_delay: Duration) {
        for page in &self.pages {
            let entries = self.entries_of(page);
            let has_next = page.body.get("nextToken").is_some();
            let is_full = entries.len() == self.max_results;
            assert!(entries.len() <= self.max_results && (is_full || !has_next), "{self:?}");
            let from = page.invoked.saturating_sub(index_delay);
            for entry in entries {
                let is_right = match self.name {
                    Some(name) => self.may_show_run(name, versions, entry, page, from),
                    None => self.may_show_definition(versions, entry, page, from),
                };
                assert!(is_right, "a listing must not show {entry}: {self:?}");
            }
        }
        let positions: Vec<_> = self.entries().map(|entry| self.position(entry)).collect();
        let in_order = |pair: &[_]| if self.is_ascending { pair[0] < pair[1] } else { pair[0] > pair[1] };
        assert!(positions.windows(2).all(in_order), "a listing repeats something, or is in disorder: {self:?}");
        if self.is_complete {
            for expected in self.must_show(versions, index_delay) {
                assert!(positions.iter().any(|(_, id)| *id == expected), "a listing misses {expected}: {self:?}");
            }
        }
    }

    fn may_show_run(&self, name: &str, versions: &Versions, entry: &Value, page: &SeenPage, from: Duration) -> bool {
        let (by, since) = (page.by, page.by.clock(page.invoked));
        let id = entry["workflowRunId"].as_str().unwrap();
        let arn = format!(":{}:workflow-definition/{name}/workflow-run/{id}", self.account_id);
        let definition_key = format!("definition/{}/{name}", self.account_id);
        let is_of_current_generation = |run: &Value| {
            let current =
                versions.of(&definition_key).iter().filter(|version| version.overlaps(page.invoked, page.ended));
            let mut of_run = current.filter(|version| version.item["definitionId"] == run["definitionId"]);
            of_run.any(|version| gone_at(version.item).is_none_or(|gone_at| gone_at > since))
        };
        let is_in_this_state = |run: &Value| {
            let started = since_zero(run["startedAt"]["S"].as_str().unwrap());
            let times_out = by.run_timeout.map(|timeout| started + timeout);
            let ended_at = entry["endedAt"].as_str();
            let stored = |name: &str| run[name]["S"].as_str();
            // An end that was sent before the run was started may land after that.
            let stored_end = stored("endedAt").map(|ended_at| ended_at.max(stored("startedAt").unwrap()));
            let is_stored = entry["status"] == run["status"]["S"] && ended_at == stored_end;
            match times_out.filter(|_| run["status"]["S"] == "RUNNING") {
                Some(times_out) => {
                    is_stored && since < times_out
                        || entry["status"] == "TIMED_OUT"
                            && ended_at.map(since_zero) == Some(times_out)
                            && by.clock(page.ended) >= times_out
                }
                None => is_stored,
            }
        };
        let is_hidden = |run: &Value| {
            let started = since_zero(run["startedAt"]["S"].as_str().unwrap());
            by.run_retention.is_some_and(|retention| started + retention <= since)
        };
        entry["workflowRunArn"].as_str().unwrap().ends_with(&arn)
            && versions.of(&format!("run/{}/{id}", self.account_id)).iter().any(|version| {
                version.overlaps(from, page.ended)
                    && version.item["status"]["S"] != "DELETING"
                    && version.item["startedAt"]["S"] == entry["startedAt"]
                    && !is_hidden(version.item)
                    && is_of_current_generation(version.item)
                    && is_in_this_state(version.item)
            })
    }

    fn may_show_definition(&self, versions: &Versions, entry: &Value, page: &SeenPage, from: Duration) -> bool {
        let name = entry["workflowDefinitionName"].as_str().unwrap();
        let arn = format!(":{}:workflow-definition/{name}", self.account_id);
        entry["workflowDefinitionArn"].as_str().unwrap().ends_with(&arn)
            && versions.of(&format!("definition/{}/{name}", self.account_id)).iter().any(|version| {
                version.overlaps(from, page.ended)
                    && version.item.get("goneAt").is_none()
                    && version.item["createdAt"]["S"] == entry["createdAt"]
                    && version.item["status"]["S"] == entry["status"]
            })
    }

    /// The ids of what the index has had all the time.
    fn must_show<'a>(&self, versions: &Versions<'a>, index_delay: Duration) -> Vec<&'a str> {
        let (Some(first), Some(last)) = (self.pages.first(), self.pages.last()) else { return vec![] };
        let Some(from) = first.invoked.checked_sub(index_delay) else { return vec![] };
        let kind = if self.name.is_some() { "run" } else { "definition" };
        let prefix = format!("{kind}/{}/", self.account_id);
        let lasting = versions.lasting(&prefix, ["listKey", "sortKey", "definitionId"], from, last.ended);
        let current = self.name.map(|name| {
            let key = format!("definition/{}/{name}", self.account_id);
            let lasting = versions.lasting(&key, ["pk", "createdAt", "definitionId"], first.invoked, last.ended);
            let mut current = lasting.into_iter().filter(|(current, _)| *current == key);
            current.next().map(|(_, definition)| &definition["definitionId"])
        });
        let may_be_hidden = |run: &Value| {
            let started = since_zero(run["startedAt"]["S"].as_str().unwrap());
            self.pages.iter().any(|page| {
                page.by.run_retention.is_some_and(|retention| started + retention <= page.by.clock(page.ended))
            })
        };
        let is_listed = |item: &Value| match current {
            Some(definition_id) => definition_id == Some(&item["definitionId"]) && !may_be_hidden(item),
            None => true,
        };
        let shown = lasting.into_iter().filter(|(_, item)| is_listed(item));
        shown.map(|(key, _)| key.rsplit('/').next().unwrap()).collect()
    }
}

fn gone_at(definition: &Value) -> Option<Duration> {
    let start = crate::simulator::virtual_time::wall_clock(Duration::ZERO).as_second();
    number(definition, "goneAt").map(|gone_at| Duration::from_secs(u64::try_from(gone_at - start).unwrap()))
}
