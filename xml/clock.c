/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `<clock>`: what the RTC starts from, and the timers of the guest. */
#include "xml/domain-private.h"

/* Timers that a definition may name; each exists once. */
#define MAX_TIMERS 16

void
tn_domain_clock_init(TnDomainClock *self)
{
    self->timers = g_array_new(FALSE, TRUE, sizeof(TnTimer));
}

void
tn_domain_clock_clear(TnDomainClock *self)
{
    g_clear_pointer(&self->timers, g_array_unref);
}

void
tn_domain_clock_copy(TnDomainClock *self, const TnDomainClock *from)
{
    *self = *from;
    self->timers = g_array_copy(from->timers);
}

/* A word of <clock> for which libvirt has the sentence "unknown clock ... '...'". */
static gboolean
parse_word(xmlNodePtr node, const char *attr, const TnEnumTable *table, int *ret_value,
           GError **error)
{
    g_autofree char *text = tn_xml_attr(node, attr);

    if (text != NULL && tn_enum_from_string(table, text) < 0 &&
        !tn_enum_is_refused(table, text)) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED, "unknown clock %s '%s'", attr,
                         text);
        return FALSE;
    }
    return tn_xml_attr_enum(node, attr, table, TN_XML_ATTR_OPTIONAL, ret_value, error);
}

/* As libvirt, an adjustment that is no number counts as 0. */
static gint64
parse_adjustment(xmlNodePtr clock)
{
    g_autofree char *text = tn_xml_attr(clock, "adjustment");
    gint64 value = 0;

    if (text == NULL || !g_ascii_string_to_signed(text, 10, G_MININT64, G_MAXINT64, &value, NULL)) {
        return 0;
    }
    return value;
}

static gboolean
parse_timer(TnDomainClock *self, xmlNodePtr node, GError **error)
{
    TnTimer timer = { 0 };
    int name = 0;
    int tickpolicy = TN_TICKPOLICY_NONE;
    int track = TN_TIMER_TRACK_NONE;

    if (!tn_xml_attr_enum(node, "name", &tn_timer_name_table, TN_XML_ATTR_REQUIRED, &name,
                          error) ||
        !tn_xml_attr_tristate(node, "present", &tn_tristate_yes_no_table, &timer.present, error) ||
        !tn_xml_attr_enum(node, "tickpolicy", &tn_tickpolicy_table, TN_XML_ATTR_OPTIONAL,
                          &tickpolicy, error) ||
        !tn_xml_attr_enum(node, "track", &tn_timer_track_table, TN_XML_ATTR_OPTIONAL, &track,
                          error)) {
        return FALSE;
    }
    if (self->timers->len == MAX_TIMERS) {
        tn_xml_error_set(error, TN_XML_ERROR_XML, "more than %d timers", MAX_TIMERS);
        return FALSE;
    }
    timer.name = (TnTimerName) name;
    timer.tickpolicy = (TnTimerTickpolicy) tickpolicy;
    timer.track = (TnTimerTrack) track;
    g_array_append_val(self->timers, timer);
    return TRUE;
}

gboolean
tn_domain_clock_parse(TnDomainClock *self, xmlNodePtr domain, GError **error)
{
    xmlNodePtr clock = tn_xml_child(domain, "clock");
    int offset = TN_CLOCK_UTC;
    int basis = TN_CLOCK_BASIS_UTC;

    if (clock == NULL) {
        return TRUE;
    }
    if (!parse_word(clock, "offset", &tn_clock_offset_table, &offset, error)) {
        return FALSE;
    }
    self->offset = (TnClockOffset) offset;
    if (self->offset == TN_CLOCK_VARIABLE) {
        self->adjustment = parse_adjustment(clock);
        if (!parse_word(clock, "basis", &tn_clock_basis_table, &basis, error)) {
            return FALSE;
        }
        self->basis = (TnClockBasis) basis;
    }
    for (xmlNodePtr node = tn_xml_child(clock, "timer"); node != NULL;
         node = tn_xml_child_next(node)) {
        if (!parse_timer(self, node, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

void
tn_domain_clock_format(const TnDomainClock *self, TnXmlWriter *writer)
{
    tn_xml_start(writer, "clock");
    tn_xml_put_attr(writer, "offset", tn_enum_to_string(&tn_clock_offset_table,
                                                        (int) self->offset));
    if (self->offset == TN_CLOCK_VARIABLE) {
        tn_xml_put_attr_f(writer, "adjustment", "%" G_GINT64_FORMAT, self->adjustment);
        tn_xml_put_attr(writer, "basis",
                        tn_enum_to_string(&tn_clock_basis_table, (int) self->basis));
    }
    for (guint i = 0; i < self->timers->len; i++) {
        const TnTimer *timer = &g_array_index(self->timers, TnTimer, i);

        tn_xml_start(writer, "timer");
        tn_xml_put_attr(writer, "name", tn_enum_to_string(&tn_timer_name_table,
                                                          (int) timer->name));
        tn_xml_put_attr(writer, "present",
                        tn_enum_to_string(&tn_tristate_yes_no_table, (int) timer->present));
        tn_xml_put_attr(writer, "tickpolicy",
                        tn_enum_to_string(&tn_tickpolicy_table, (int) timer->tickpolicy));
        tn_xml_put_attr(writer, "track",
                        tn_enum_to_string(&tn_timer_track_table, (int) timer->track));
        tn_xml_end(writer);
    }
    tn_xml_end(writer);
}

static gboolean
validate_timer(const TnTimer *timer, GError **error)
{
    const char *name = tn_enum_to_string(&tn_timer_name_table, (int) timer->name);
    const char *policy = tn_enum_to_string(&tn_tickpolicy_table, (int) timer->tickpolicy);
    gboolean policy_ok = timer->tickpolicy == TN_TICKPOLICY_NONE;
    TnTristate refused = TN_TRISTATE_ABSENT;

    switch (timer->name) {
    case TN_TIMER_RTC:
        policy_ok = policy_ok || timer->tickpolicy == TN_TICKPOLICY_DELAY ||
                    timer->tickpolicy == TN_TICKPOLICY_CATCHUP;
        refused = TN_TRISTATE_NO;
        break;
    case TN_TIMER_PIT:
        policy_ok = policy_ok || timer->tickpolicy == TN_TICKPOLICY_DELAY ||
                    timer->tickpolicy == TN_TICKPOLICY_DISCARD;
        refused = TN_TRISTATE_NO;
        break;
    case TN_TIMER_HPET:
        refused = TN_TRISTATE_YES;
        break;
    case TN_TIMER_TSC:
        refused = TN_TRISTATE_NO;
        break;
    case TN_TIMER_KVMCLOCK:
    case TN_TIMER_LAST:
        break;
    }
    if (!policy_ok) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED, "unsupported %s tickpolicy '%s'",
                         name, policy);
        return FALSE;
    }
    if (refused != TN_TRISTATE_ABSENT && timer->present == refused) {
        tn_xml_error_set(error, TN_XML_ERROR_CONFIG_UNSUPPORTED,
                         "timer '%s' with present='%s' is not supported", name,
                         tn_enum_to_string(&tn_tristate_yes_no_table, (int) timer->present));
        return FALSE;
    }
    return TRUE;
}

gboolean
tn_domain_clock_validate(const TnDomainClock *self, GError **error)
{
    for (guint i = 0; i < self->timers->len; i++) {
        if (!validate_timer(&g_array_index(self->timers, TnTimer, i), error)) {
            return FALSE;
        }
    }
    return TRUE;
}
