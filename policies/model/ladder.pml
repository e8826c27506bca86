/*
 * One incident with two page steps and no repeat: an acknowledgement, an escalation, a resolution, a lapse and a
 * delivery under way may meet in any order. What people and monitors send, what delivery answers and the passing of
 * time are processes of their own; the engine is the one writer, and what it does is in force only after a commit,
 * which may be refused.
 *
 *   spin -a ladder.pml && cc -O2 -o pan pan.c && ./pan            (assertions, no deadlock)
 *   ... && ./pan -a -f -N never_silent                            (a triggered incident never falls silent)
 *
 * A page is one of PAGES slots: the opening (a source may clear and fire again) times the step. Time is not counted: any
 * wait may be over at any moment, which covers every real one. The BUG_ macros plant mistakes that must be found:
 * BUG_ACK_KEEPS_PAGES, BUG_CLAIM_UNSEEN, BUG_STEP_TWICE, BUG_ANSWER_EARLY, BUG_NO_RECALL, BUG_LAPSE_SILENT,
 * BUG_RESOLVE_REOPENS, BUG_NO_FALLBACK.
 */
#define STEPS 2
#ifndef OPENINGS
#define OPENINGS 2
#endif
#define PAGES (STEPS * OPENINGS)
#define FALLBACK PAGES /* the slot of the page to the fallback */
#define SLOTS (PAGES + 1)

mtype = { NOWHERE, TRIGGERED, ACKED, RESOLVED };             /* the incident */
mtype = { NONE, PENDING, CLAIMED, SENT, CANCELLED };         /* a page */
mtype = { FIRE, CLEAR, ACK, ESCALATE, TICK, PREPARED, RESULT, RECALLED }; /* inputs */
mtype = { OFFER, START, DROP };                              /* orders */

typedef world {
    mtype state = NOWHERE;
    byte opening = 0;    /* how often it has opened; the current one is opening - 1 */
    byte next = 0;       /* the page step that runs next; STEPS: none is left */
    bool exhausted = false;
    bool overdue = false; /* an ack ended and the next step has not run yet: only inside one move */
    mtype page[SLOTS] = NONE;
    byte runs[SLOTS] = 0;
};

world now_;      /* what is committed */
world next_;     /* what the batch makes of it */

chan inbox = [1] of { mtype, byte };
chan owed = [SLOTS] of { mtype, byte };       /* delivery's answers: never refused, one a slot at most */
chan outbox = [5 * SLOTS] of { mtype, byte }; /* START and DROP are taken past any capacity */

/* What the outside has been told or has seen; ghosts, read by the properties only. */
bool ack_answered = false;
bool begun[SLOTS] = false;  /* an attempt has begun: no power can call it back */
bool offered[SLOTS] = false;
byte refusals_left = 1;

inline copy_world(to, from)
{
    d_step {
        to.state = from.state; to.opening = from.opening; to.next = from.next;
        to.exhausted = from.exhausted; to.overdue = from.overdue;
        k = 0;
        do
        :: k < SLOTS -> to.page[k] = from.page[k]; to.runs[k] = from.runs[k]; k++
        :: else -> break
        od;
        k = 0
    }
}

inline cancel_pages()
{
    k = 0;
    do
    :: k < SLOTS ->
#ifndef BUG_ACK_KEEPS_PAGES
        if
        :: next_.page[k] == PENDING -> next_.page[k] = CANCELLED
        :: else
        fi;
#endif
        k++
    :: else -> break
    od;
    k = 0
}

/* Step after step, then the fallback: whichever way the ladder gets here, it pages somebody. */
inline run_next_step()
{
    if
    :: next_.next < STEPS ->
        slot = (next_.opening - 1) * STEPS + next_.next;
        next_.page[slot] = PENDING;
        next_.runs[slot]++;
#ifndef BUG_STEP_TWICE
        next_.next++
#else
        if
        :: next_.runs[slot] > 1 -> next_.next++
        :: else
        fi
#endif
    :: else ->
        next_.exhausted = true;
        if
#ifdef BUG_NO_FALLBACK
        :: true
#endif
        :: next_.page[FALLBACK] == NONE || next_.page[FALLBACK] == CANCELLED || next_.page[FALLBACK] == SENT ->
            next_.page[FALLBACK] = PENDING
        :: else
        fi
    fi;
    next_.overdue = false;
    slot = 0
}

inline apply(kind, which)
{
    if
    :: kind == FIRE ->
        if
        :: (next_.state == NOWHERE || next_.state == RESOLVED) && next_.opening < OPENINGS ->
            next_.state = TRIGGERED;
            next_.opening++;
            next_.next = 0;
            next_.exhausted = false;
            run_next_step()
        :: else
        fi
    :: kind == CLEAR ->
        if
        :: next_.state == TRIGGERED || next_.state == ACKED ->
            next_.state = RESOLVED;
            cancel_pages()
        :: else
        fi
    :: kind == ACK ->
        if
        :: next_.state == TRIGGERED ->
            next_.state = ACKED;
            next_.exhausted = false;
            cancel_pages()
#ifdef BUG_RESOLVE_REOPENS
        :: next_.state == RESOLVED -> next_.state = ACKED
#endif
        :: else /* recorded, and answered with who was first */
        fi
    :: kind == ESCALATE ->
        if
        :: next_.state == TRIGGERED || next_.state == ACKED ->
            next_.state = TRIGGERED;
            run_next_step()
        :: else
        fi
    :: kind == TICK -> /* the step's wait, or the ack's, is over */
        if
        :: next_.state == TRIGGERED -> run_next_step() /* exhausted: the fallback hears again */
        :: next_.state == ACKED ->
            next_.state = TRIGGERED;
            next_.overdue = true;
#ifndef BUG_LAPSE_SILENT
            run_next_step()
#endif
        :: else
        fi
    :: kind == PREPARED ->
        if
#ifndef BUG_CLAIM_UNSEEN
        :: next_.page[which] == PENDING && next_.state == TRIGGERED -> next_.page[which] = CLAIMED
#else
        :: next_.page[which] == PENDING || next_.page[which] == CANCELLED -> next_.page[which] = CLAIMED
#endif
        :: else
        fi
    :: kind == RESULT ->
        if
        :: next_.page[which] == CLAIMED -> next_.page[which] = SENT
        :: else
        fi
    :: kind == RECALLED ->
        if
        :: next_.page[which] == CLAIMED -> next_.page[which] = CANCELLED
        :: else
        fi
    fi
}

/* Holds of every committed world, and between one and the next. */
inline check_commit()
{
    d_step {
    k = 0;
    do
    :: k < SLOTS ->
        /* I7: a step runs once in a climb. */
        assert(k == FALLBACK || next_.runs[k] <= 1);
        /* I8: no page is claimed while somebody has it or it is over. */
        assert(!(next_.page[k] == CLAIMED && now_.page[k] != CLAIMED) || next_.state == TRIGGERED);
        /* What was called off stays off. */
        assert(k == FALLBACK || !(now_.page[k] == CANCELLED && next_.page[k] == CLAIMED));
        assert(!(next_.state == ACKED && next_.page[k] == PENDING));
        assert(!(next_.state == RESOLVED && next_.page[k] == PENDING));
        k++
    :: else -> break
    od;
    /* I7: in order, none passed over. */
    k = 1;
    do
    :: k < STEPS ->
        assert(next_.opening == 0 || next_.runs[(next_.opening - 1) * STEPS + k] == 0 ||
               next_.runs[(next_.opening - 1) * STEPS + k - 1] == 1);
        k++
    :: else -> break
    od;
    /* I10: resolved is final until a new firing. */
    assert(!(now_.state == RESOLVED && next_.state != RESOLVED) || next_.opening == now_.opening + 1);
    /* Rule 8: a lapse is never only a lapse. */
    assert(!next_.overdue);
    k = 0
    }
}

inline order(what, n)
{
    assert(nfull(outbox)); /* the engine never waits for delivery */
    outbox!what, n
}

/* After the commit: orders for delivery. */
inline give_orders()
{
    k = 0;
    do
    :: k < SLOTS ->
        if
        :: now_.page[k] == PENDING && !offered[k] -> offered[k] = true; order(OFFER, k)
        :: else
        fi;
        k++
    :: else -> break
    od;
    k = 0
}

inline recall_claims()
{
    k = 0;
    do
    :: k < SLOTS ->
        if
#ifndef BUG_NO_RECALL
        :: now_.page[k] == CLAIMED -> order(DROP, k)
#endif
        :: else
        fi;
        k++
    :: else -> break
    od;
    k = 0
}

active proctype engine()
{
    mtype kind, before;
    byte which, k, slot;
    bool refused;
end:
    do
    /* One input, one commit: nobody sees what is in between. */
    :: atomic {
#ifdef LIVENESS
        /* Fairness is asked of processes only: here the choice between the queues must be fair by itself. */
        if
        :: nempty(owed) -> owed?kind, which
        :: empty(owed) -> inbox?kind, which
        fi;
#else
        if
        :: inbox?kind, which
        :: owed?kind, which
        fi;
#endif
        copy_world(next_, now_);
        before = now_.state;
        d_step { apply(kind, which) };
        check_commit();
#ifdef BUG_ANSWER_EARLY
        if
        :: kind == ACK && next_.state == ACKED -> ack_answered = true
        :: else
        fi;
#endif
        refused = false;
        if
        :: refusals_left > 0 -> refusals_left--; refused = true
        :: true
        fi;
        if
        :: refused ->
            /* The world is thrown away. A producer hears "try again"; delivery's answers exist only once, so the engine
             * keeps them and applies them with the next commit. */
            if
            :: kind == PREPARED || kind == RESULT || kind == RECALLED ->
                copy_world(next_, now_);
                d_step { apply(kind, which) };
                check_commit();
                copy_world(now_, next_)
            :: else
            fi
        :: else -> copy_world(now_, next_)
        fi;
        if
        :: kind == ACK && !refused && now_.state == ACKED -> ack_answered = true
        :: before != TRIGGERED && now_.state == TRIGGERED -> ack_answered = false
        :: else
        fi;
        /* P1: who hears "acknowledged" can rely on it. */
        assert(!ack_answered || now_.state == ACKED || now_.state == RESOLVED);
        if
        :: kind == PREPARED ->
            if
            :: now_.page[which] == CLAIMED -> order(START, which)
            :: else -> offered[which] = false; order(DROP, which)
            fi
        :: kind == RESULT || kind == RECALLED -> offered[which] = false
        :: else
        fi;
        if
        :: before == TRIGGERED && now_.state != TRIGGERED -> recall_claims()
        :: else
        fi;
        give_orders();
        copy_world(next_, now_); /* nothing but the committed world is state */
        kind = TICK; which = 0; before = NOWHERE; refused = false }
    od
}

/* One slot's life with delivery: offered, prepared, ordered to start, begun. An order to drop what has begun comes too
 * late, everything else is answered exactly once. */
mtype = { IDLE, READY, ORDERED };

inline begin(n)
{
    atomic {
        at[n] == ORDERED ->
        /* Once it has read the orders that follow an ack, nothing begins. */
        assert(now_.state == TRIGGERED || nempty(outbox));
        at[n] = IDLE;
        begun[n] = true;
        owed!RESULT, n
    }
}

active proctype delivery()
{
    mtype kind;
    mtype at[SLOTS] = IDLE;
    byte which;
end:
    do
    :: atomic { outbox?kind, which ->
        if
        :: kind == OFFER -> at[which] = READY; owed!PREPARED, which
        :: kind == START ->
            assert(at[which] == READY);
            at[which] = ORDERED
        :: kind == DROP && at[which] == READY -> at[which] = IDLE
        :: kind == DROP && at[which] == ORDERED -> at[which] = IDLE; owed!RECALLED, which
        :: kind == DROP && at[which] == IDLE /* it has begun, or is over */
        fi;
        kind = TICK; which = 0 }
    /* An attempt begins whenever a place is free. */
    :: begin(0)
    :: begin(1)
#if OPENINGS > 1
    :: begin(2)
    :: begin(3)
#endif
    :: begin(FALLBACK)
    od
}

active proctype source()
{
    inbox!FIRE, 0;
    if
    :: inbox!CLEAR, 0;
        if
        :: inbox!FIRE, 0
        :: true
        fi
    :: true
    fi
}

active proctype lead()
{
    if
    :: inbox!ACK, 0
    :: true
    fi
}

active proctype vp()
{
    if
    :: inbox!ESCALATE, 0
    :: inbox!ACK, 0
    :: inbox!CLEAR, 0 /* resolved by a person */
    :: true
    fi
}

active proctype time()
{
end:
    do
    :: now_.state == ACKED || now_.state == TRIGGERED -> inbox!TICK, 0
    od
}

/* Whatever meets: a triggered incident is paged on until somebody has it, it is over, or the fallback was told. */
ltl never_silent { [] ((now_.state == TRIGGERED) -> <> (now_.state != TRIGGERED || begun[FALLBACK])) }
