"""The statements of :mod:`storage.experiment_decisions`: one round trip and one commit for a group of rows."""

from __future__ import annotations

from psycopg.sql import SQL

#: Row by row through the primary keys. What reads decisions is not prepared, besides: a prepared plan
#: may have been made while the table was empty, and lives as long as its connection.
PLAN_BY_KEYS = SQL("set {} enable_seqscan = off; set {} enable_hashjoin = off; set {} enable_mergejoin = off")

#: Adds decisions of running experiments, and counts them. Parameters: a list a column of ``given``, then ids
#: of experiments. Answers with the ids of those added.
DECIDE = SQL(
    """
    with given as (
      select * from unnest(
        %s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[],
        %s::timestamptz[], %s::float8[], %s::text[], %s::int8[]
      ) as row (id, experiment_id, variant, subject_id, sticky_subject, at, propensity, context, policy_version)
    ),
    running as (
      select id from experiments where id = any(%s::text[]) and state = 'running' order by id for share
    ),
    added as (
      insert into experiment_decisions (
        id, experiment_id, variant, subject_id, sticky_subject, at, propensity, context, policy_version, learned
      )
      select
        given.id, given.experiment_id, variant, subject_id, sticky_subject, at, propensity, context::jsonb,
        policy_version, 0
      from given join running on running.id = given.experiment_id
      order by given.experiment_id, sticky_subject collate "C", given.id
      on conflict do nothing
      returning id, experiment_id, variant
    ),
    numbers as (
      select experiment_id, variant, count(*) as number from added group by experiment_id, variant
    ),
    locked as (
      select v.experiment_id, v.variant, number
      from experiment_variants v join numbers using (experiment_id, variant)
      order by v.experiment_id, v.position
      for no key update of v
    ),
    counted as (
      update experiment_variants v set decisions = v.decisions + locked.number
      from locked where v.experiment_id = locked.experiment_id and v.variant = locked.variant
    )
    select id::text from added
    """
)

#: What is there for decisions that were not added: (place, state of the experiment, id, variant, propensity).
DECIDED = SQL(
    """
    select given.place, experiments.state, found.id::text, found.variant, found.propensity
    from unnest(%s::int8[], %s::uuid[], %s::text[], %s::text[]) as given (place, id, experiment_id, subject)
    left join experiments on experiments.id = given.experiment_id
    left join lateral (
      select id, variant, propensity, 0 as rank from experiment_decisions d where d.id = given.id
      union all
      select id, variant, propensity, 1 as rank from experiment_decisions d
      where d.experiment_id = given.experiment_id and d.sticky_subject = given.subject
      order by rank
      limit 1
    ) as found on true
    """
)

#: Gives decisions without a reward theirs, and counts those in time. The lock sees the newest version of a row,
#: so that of two rewards on their way at once one is first.
REWARD = SQL(
    """
    with given as (
      select * from unnest(
        %s::uuid[], %s::text[], %s::float8[], %s::float8[], %s::timestamptz[], %s::float8[], %s::text[]
      ) as row (id, experiment_id, value, scaled, at, seconds, metrics)
    ),
    target as (
      select
        d.id, given.value, given.scaled, given.metrics, greatest(given.at, d.at) as at,
        given.at > d.at + make_interval(secs => given.seconds) or d.learned = 1 as late
      from experiment_decisions d
      join given on given.id = d.id and given.experiment_id = d.experiment_id
      where d.reward is null and d.late_reward is null
      order by d.id
      for no key update of d
    ),
    done as (
      update experiment_decisions d set
        reward = case when late then null else target.value end,
        rewarded_at = case when late then null else target.at end,
        late_reward = case when late then target.value end,
        late_at = case when late then target.at end,
        metrics = case when late then null else target.metrics::jsonb end
      from target where d.id = target.id
      returning d.id, d.experiment_id, d.variant, target.late, target.value, target.scaled
    ),
    sums as (
      select
        experiment_id, variant, count(*) as number,
        sum(scaled::numeric) as total, sum((scaled * scaled)::numeric) as squares
      from done where not late group by experiment_id, variant
    ),
    locked as (
      select v.experiment_id, v.variant, number, total, squares
      from experiment_variants v join sums using (experiment_id, variant)
      order by v.experiment_id, v.position
      for no key update of v
    ),
    counted as (
      update experiment_variants v set
        rewarded = v.rewarded + locked.number,
        reward_sum = v.reward_sum + locked.total,
        reward_squares = v.reward_squares + locked.squares
      from locked where v.experiment_id = locked.experiment_id and v.variant = locked.variant
    )
    select id::text, experiment_id, variant, late, value from done
    """
)

#: The rewards on record of some decisions: (id, experiment, variant, value).
REWARDED = SQL(
    """
    select d.id::text, d.experiment_id, d.variant, coalesce(d.reward, d.late_reward)
    from experiment_decisions d
    join unnest(%s::uuid[], %s::text[]) as given (id, experiment_id)
      on given.id = d.id and given.experiment_id = d.experiment_id
    """
)
