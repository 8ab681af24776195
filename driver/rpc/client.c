/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A connected client: who it is, what hangs on it, and events for it. */
#include "driver/rpc/client.h"

#include <sys/socket.h>

#include "driver/rpc/server-private.h"

TnRpcClient *
tn_rpc_client_ref(TnRpcClient *client)
{
    g_atomic_int_inc(&client->ref_count);
    return client;
}

void
tn_rpc_client_unref(TnRpcClient *client)
{
    if (client == NULL || !g_atomic_int_dec_and_test(&client->ref_count)) {
        return;
    }
    g_assert(client->data == NULL && g_queue_is_empty(&client->tx));
    tn_rpc_decoder_clear(&client->decoder);
    g_mutex_clear(&client->lock);
    g_free(client);
}

guint64
tn_rpc_client_get_id(TnRpcClient *client)
{
    return client->id;
}

const TnRpcIdentity *
tn_rpc_client_get_identity(TnRpcClient *client)
{
    return &client->identity;
}

gboolean
tn_rpc_client_is_read_only(TnRpcClient *client)
{
    return g_atomic_int_get(&client->read_only);
}

void
tn_rpc_client_set_read_only(TnRpcClient *client)
{
    g_atomic_int_set(&client->read_only, TRUE);
}

void
tn_rpc_client_set_data(TnRpcClient *client, gpointer data, GDestroyNotify destroy)
{
    gpointer old_data;
    GDestroyNotify old_destroy;

    g_mutex_lock(&client->lock);
    old_data = client->data;
    old_destroy = client->data_destroy;
    client->data = data;
    client->data_destroy = destroy;
    g_mutex_unlock(&client->lock);
    if (old_data != NULL && old_destroy != NULL) {
        old_destroy(old_data);
    }
}

gpointer
tn_rpc_client_get_data(TnRpcClient *client)
{
    gpointer data;

    g_mutex_lock(&client->lock);
    data = client->data;
    g_mutex_unlock(&client->lock);
    return data;
}

void
tn_rpc_client_close(TnRpcClient *client)
{
    g_mutex_lock(&client->lock);
    /* The I/O thread reads the end of the connection and does the rest. */
    if (!client->closed) {
        (void)shutdown(client->io.fd, SHUT_RDWR);
    }
    g_mutex_unlock(&client->lock);
}
