/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Commands about host devices. */
#include "vmm/monitor/monitor-private.h"

TN_MONITOR_HANDLER(x_query_dma_maps)
{
    return tn_machine_query_dma_maps(tn_monitor_machine(call));
}
