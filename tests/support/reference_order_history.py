"""The judge of `order_history`: every feature from its sentence, by plain loops."""

from __future__ import annotations

from collections.abc import Sequence

from seen import DAY, YEAR, Answers, Seen, change, different, known, over, usual_gap


def order_history(seen: Seen, windows: Sequence[int]) -> Answers:
    """Answers of the family `order_history`."""
    lines = [row for row in seen.orders if row["amount_cents"] > 0]
    returns = [row for row in seen.orders if row["amount_cents"] < 0]
    moments = [row["occurred_at"] for row in lines]
    gap = usual_gap(seen.last(YEAR, lines))
    silence = seen.since(moments, max)
    answers: Answers = {
        "days_since_last_order": silence,
        "days_since_first_order": seen.since(moments, min),
        "usual_order_gap": gap,
        "silence_over_usual_gap": over(silence / DAY, gap) if silence and gap else None,
        "days_since_last_return": seen.since([row["occurred_at"] for row in returns], max),
    }
    for days in windows:
        recent = seen.last(days, lines)
        orders, products = different(recent, "order_id"), different(recent, "product_id")
        spend = sum(row["amount_cents"] for row in recent)
        margins = [row["margin_cents"] for row in recent if row["margin_cents"] is not None]
        returned = seen.last(days, returns)
        credited = -sum(row["amount_cents"] for row in returned)
        answers |= {
            f"orders_count_{days}d": len(orders),
            f"order_days_count_{days}d": len({row["occurred_at"].date() for row in recent}),
            f"order_lines_count_{days}d": len(recent),
            f"spend_{days}d": spend / 100,
            f"margin_{days}d": known(sum(margins) / 100, margins, recent),
            f"order_value_mean_{days}d": over(spend / 100, len(orders)),
            f"products_count_{days}d": known(len(products), products, recent),
            f"return_lines_count_{days}d": len(returned),
            f"returns_share_{days}d": over(credited, spend),
        }
        if days < YEAR:
            year = seen.last(YEAR, lines)
            bought = different(year, "product_id")
            answers[f"products_lapsed_{days}d"] = known(len(bought - products), bought, year)
        if 2 * days <= YEAR:
            earlier = seen.before_last(days, lines)
            # An order with lines on both sides of the boundary is an order of the last days.
            orders_before = different(earlier, "order_id") - orders
            spend_before = sum(row["amount_cents"] for row in earlier)
            answers[f"orders_change_{days}d"] = change(len(orders), len(orders_before))
            answers[f"spend_change_{days}d"] = change(spend, spend_before)
    return answers
