# Every source, listed by hand: a file that is not here is not part of the program.
set(TIDEGATE_C
  core/base/blocks.c core/base/buf.c core/base/clock.c core/base/error.c core/base/file.c
  core/base/log.c
  core/base/logline.c core/base/mem.c core/base/redact.c
  core/loop/mailbox.c
  core/loop/loop.c core/loop/outbox.c core/loop/pace.c core/loop/timers.c
  core/json/json.c core/json/match.c core/json/ordinary.c core/json/splice.c core/json/tokenizer.c
  core/json/tree.c
  core/json/estimate.c
  core/lua/background.c
  core/config/access.c core/config/address.c core/config/check.c core/config/config.c
  core/config/document.c core/config/env.c core/config/evaluate.c core/config/field.c
  core/config/formats.c core/config/lines.c core/config/settings.c core/config/suggest.c
  core/config/tokens.c
  core/config/bundle.c core/config/keep.c core/config/walk.c
  core/metrics/metrics.c core/metrics/names.c core/metrics/prometheus.c
  core/http/certs.c core/http/chunks.c core/http/connection.c core/http/connector.c
  core/http/exchange.c core/http/forward.c core/http/head.c core/http/headers.c core/http/inflate.c
  core/http/header_lines.c core/http/inner.c core/http/relay_hold.c
  core/http/multis.c core/http/origin.c core/http/pool.c core/http/proxy.c core/http/public_address.c core/http/relay.c
  core/http/relay_stream.c
  core/http/request.c core/http/request_head.c core/http/response.c core/http/response_parser.c
  core/http/server.c core/http/sse.c core/http/transport.c core/http/transport_plain.c
  core/http/transport_tls.c core/http/turn.c core/http/upstream.c core/http/usage.c core/http/url.c
  core/http/watch.c
  core/lua/api.c core/lua/attempt.c core/lua/call.c core/lua/call_class.c core/lua/endpoint.c
  core/lua/event_hook.c core/lua/inner_call.c core/lua/inner_class.c
  core/lua/heap.c core/lua/producer.c core/lua/sources.c core/lua/summary.c core/lua/task.c
  core/lua/usage_class.c core/lua/value.c core/lua/value_encode.c
  core/lua/call_access.c core/lua/generation.c core/lua/generation_class.c core/lua/loading.c core/lua/reload.c
  core/lua/vm.c core/lua/watch_class.c
  core/lua/call_prompt.c core/lua/budget.c core/lua/guard.c core/lua/memory.c core/lua/script.c core/lua/watchdog.c
  core/lua/dict_class.c core/lua/holds.c core/lua/limit_class.c
  core/json/document.c core/json/document_edit.c core/lua/call_body.c core/lua/document_class.c
  core/lua/digest.c core/lua/metric_class.c core/lua/values.c core/metrics/custom.c
  core/base/xxh64.c core/store/cells.c core/store/dict.c core/store/limiter.c core/store/shared_store.c
  core/lua/interrupt.c core/lua/pattern.c core/lua/string_lib.c core/lua/table_lib.c core/lua/text.c
  core/worker/control.c core/worker/failure.c core/worker/install.c core/worker/announce.c
  core/worker/proof.c core/worker/watch_files.c
  core/lua/alarm.c core/lua/blame.c core/lua/coroutine.c core/lua/fetch.c core/lua/fetch_class.c
  core/lua/fetch_split.c core/lua/gather.c core/lua/header_text.c core/lua/offspring.c
  core/lua/pause.c core/lua/spawn.c
  core/worker/base.c core/worker/pool.c core/worker/tidy.c core/worker/worker.c
  core/cli/check.c core/cli/cli.c core/cli/run.c
  core/worker/offline.c core/lua/mock_upstream.c core/cli/test.c core/cli/explain.c core/cli/replay.c core/cli/annotations.c
  core/lua/bodies.c
  core/lua/gate_class.c core/lua/service_account.c
  core/cli/adapter.c core/cli/adapter_check.c core/cli/adapter_new.c core/cli/adapter_record.c core/lua/tape.c
  core/config/bundle_edit.c
  core/http/relay_translate.c core/lua/attempt_options.c core/lua/codec.c
  core/http/sigv4.c core/http/sigv4_canonical.c core/lua/signer.c
  core/http/eventstream.c core/http/framing.c core/http/ndjson.c core/lua/stream_events.c
  core/lua/call_signature.c core/http/relay_large.c core/json/floats.c core/json/items.c core/lua/vector_lib.c
  core/http/price.c core/lua/price_class.c
)
set(TIDEGATE_LUA
  adapters/anthropic.lua adapters/azure.lua adapters/azure_entra.lua adapters/cerebras.lua
  adapters/bedrock.lua adapters/bedrock_mantle.lua
  adapters/dialects/anthropic-messages/families.lua adapters/dialects/bedrock-converse.lua
  adapters/dialects/bedrock-converse/answer.lua adapters/dialects/bedrock-converse/blocks.lua
  adapters/dialects/bedrock-converse/citations.lua adapters/dialects/bedrock-converse/client.lua
  adapters/dialects/bedrock-converse/errors.lua adapters/dialects/bedrock-converse/families.lua
  adapters/dialects/bedrock-converse/fields.lua adapters/dialects/bedrock-converse/media.lua
  adapters/dialects/bedrock-converse/names.lua adapters/dialects/bedrock-converse/reply.lua
  adapters/dialects/bedrock-converse/request.lua adapters/dialects/bedrock-converse/seals.lua
  adapters/dialects/bedrock-converse/thinking.lua adapters/dialects/bedrock-converse/tools.lua
  adapters/dialects/bedrock-converse/turns.lua
  adapters/cohere.lua adapters/dialects/cohere-v2.lua
  adapters/dialects/cohere-v2/answer.lua adapters/dialects/cohere-v2/citations.lua
  adapters/dialects/cohere-v2/client.lua adapters/dialects/cohere-v2/documents.lua
  adapters/dialects/cohere-v2/history.lua adapters/dialects/cohere-v2/reply.lua
  adapters/dialects/cohere-v2/request.lua adapters/dialects/cohere-v2/rerank.lua
  adapters/dialects/cohere-v2/turns.lua
  adapters/dialects/openai-chat/rerank.lua adapters/voyage.lua
  scripts/tide/mock_rerank.lua scripts/tide/rerank.lua
  adapters/deepseek.lua adapters/dialects/anthropic-messages.lua
  adapters/dialects/anthropic-messages/answer.lua adapters/dialects/anthropic-messages/client.lua
  adapters/dialects/anthropic-messages/reply.lua adapters/dialects/anthropic-messages/request.lua
  adapters/dialects/anthropic-messages/schema.lua adapters/dialects/anthropic-messages/thinking.lua
  adapters/dialects/anthropic-messages/turns.lua
  adapters/dialects/ollama.lua adapters/dialects/ollama/answer.lua
  adapters/dialects/ollama/client.lua adapters/dialects/ollama/embed.lua
  adapters/dialects/ollama/errors.lua
  adapters/dialects/ollama/media.lua adapters/dialects/ollama/models.lua
  adapters/dialects/bedrock-converse/shape.lua adapters/dialects/cohere-v2/shape.lua
  adapters/dialects/ollama/shape.lua scripts/tide/shapes.lua
  adapters/dialects/ollama/reply.lua adapters/dialects/ollama/request.lua
  adapters/dialects/ollama/time.lua adapters/dialects/ollama/turns.lua adapters/ollama.lua
  adapters/ollama_cloud.lua scripts/tide/model_names.lua scripts/tide/ollama.lua
  adapters/dialects/gemini.lua adapters/dialects/gemini/answer.lua
  adapters/dialects/gemini/client.lua adapters/dialects/gemini/errors.lua
  adapters/dialects/gemini/families.lua adapters/dialects/gemini/media.lua
  adapters/dialects/gemini/members.lua adapters/dialects/gemini/parts.lua
  adapters/dialects/gemini/reply.lua adapters/dialects/gemini/request.lua
  adapters/dialects/gemini/schema.lua adapters/dialects/gemini/sources.lua
  adapters/dialects/gemini/thinking.lua adapters/dialects/gemini/turns.lua
  adapters/dialects/openai-chat.lua adapters/dialects/openai-chat/answer.lua
  adapters/dialects/openai-chat/client.lua adapters/dialects/openai-chat/messages.lua
  adapters/dialects/openai-chat/reasoning.lua adapters/dialects/openai-chat/reply.lua
  adapters/dialects/openai-chat/request.lua adapters/dialects/openai-chat/turns.lua
  adapters/dialects/openai-responses.lua adapters/dialects/openai-responses/answer.lua
  adapters/dialects/openai-responses/client.lua adapters/dialects/openai-responses/history.lua
  adapters/dialects/openai-responses/input.lua adapters/dialects/openai-responses/items.lua
  adapters/dialects/openai-responses/reply.lua adapters/dialects/openai-responses/request.lua
  adapters/dialects/openai-responses/seals.lua adapters/fireworks.lua adapters/gemini.lua
  adapters/groq.lua adapters/llamacpp.lua adapters/lmstudio.lua adapters/mistral.lua
  adapters/mock.lua adapters/moonshot.lua adapters/openai.lua adapters/openrouter.lua
  adapters/perplexity.lua adapters/qwen.lua adapters/together.lua adapters/vertex.lua
  adapters/vllm.lua adapters/xai.lua adapters/zhipu.lua scripts/middleware/prompt_guard.lua
  scripts/middleware/request_id.lua scripts/middleware/system_prompt.lua
  scripts/policies/by_header.lua scripts/policies/canary.lua scripts/policies/cheap_first.lua
  scripts/policies/json_or_else.lua scripts/policies/shadow.lua scripts/tide.d.lua
  scripts/tide/dropped_in.lua scripts/tide/own_protocol.lua
  scripts/tide/mock_moderation.lua scripts/tide/pieces.lua scripts/tide/unary.lua scripts/tide/vectors.lua
  adapters/dialects/gemini/embed.lua adapters/dialects/openai-chat/embed.lua
  adapters/dialects/cohere-v2/embed.lua adapters/dialects/bedrock-converse/embed.lua
  scripts/tide/adapter_check.lua scripts/tide/adapter_contract.lua scripts/tide/adapter_new.lua
  scripts/tide/adapter_record.lua scripts/tide/adapter_templates.lua scripts/tide/scrub.lua
  scripts/tide/fixtures.lua scripts/tide/kit.lua scripts/tide/kit_bytes.lua
  scripts/tide/kit_case.lua scripts/tide/kit_clients.lua scripts/tide/kit_errors.lua
  scripts/tide/kit_expect.lua scripts/tide/kit_hooks.lua scripts/tide/kit_run.lua
  scripts/tide/kit_streams.lua scripts/tide/kit_synthetic.lua scripts/tide/kit_wholes.lua
  scripts/tide/able.lua scripts/tide/adapters.lua scripts/tide/address.lua scripts/tide/admin.lua
  scripts/tide/answer.lua scripts/tide/api.lua scripts/tide/api_adapter.lua
  scripts/tide/api_chat.lua scripts/tide/api_http.lua scripts/tide/api_policy.lua
  scripts/tide/api_tasks.lua scripts/tide/api_values.lua scripts/tide/attempts.lua
  scripts/tide/auth.lua scripts/tide/body.lua scripts/tide/body_facts.lua scripts/tide/body_form.lua
  scripts/tide/body_path.lua scripts/tide/testing_operations.lua
  scripts/tide/call_info.lua scripts/tide/canonical.lua scripts/tide/canonical_answer.lua
  scripts/tide/canonical_edit.lua scripts/tide/canonical_fold.lua scripts/tide/canonical_grammar.lua
  scripts/tide/canonical_request.lua scripts/tide/canonical_view.lua scripts/tide/check.lua
  scripts/tide/check_files.lua scripts/tide/check_globals.lua scripts/tide/check_problems.lua
  scripts/tide/check_samples.lua scripts/tide/chooser.lua scripts/tide/classify.lua
  scripts/tide/client_answer.lua scripts/tide/codec.lua scripts/tide/config_view.lua
  scripts/tide/coroutines.lua scripts/tide/cors.lua scripts/tide/counting.lua
  scripts/tide/current.lua scripts/tide/custom_tools.lua scripts/tide/decide.lua
  scripts/tide/dialects.lua scripts/tide/endpoints.lua scripts/tide/environment.lua
  scripts/tide/error_value.lua scripts/tide/errors.lua scripts/tide/event_filter.lua
  scripts/tide/framing.lua scripts/tide/later.lua scripts/tide/answer_failure.lua scripts/tide/call_ids.lua
  scripts/tide/explain.lua scripts/tide/explain_header.lua scripts/tide/extras.lua
  scripts/tide/failure.lua scripts/tide/families.lua scripts/tide/gateway.lua scripts/tide/gcp.lua
  scripts/tide/generation.lua scripts/tide/guarded.lua scripts/tide/headers.lua
  scripts/tide/health.lua scripts/tide/held.lua scripts/tide/inline.lua scripts/tide/lanes.lua
  scripts/tide/listing.lua scripts/tide/loader.lua scripts/tide/middleware.lua scripts/tide/mock.lua
  scripts/tide/mock_chat.lua scripts/tide/mock_check.lua scripts/tide/mock_embed.lua
  scripts/tide/mock_faults.lua scripts/tide/mock_schema.lua scripts/tide/mock_stream.lua
  scripts/tide/mock_text.lua scripts/tide/mock_tools.lua scripts/tide/models.lua
  scripts/tide/on_status.lua scripts/tide/operation.lua scripts/tide/operations.lua
  scripts/tide/options.lua
  scripts/tide/params.lua scripts/tide/place.lua scripts/tide/plain.lua scripts/tide/plan.lua
  scripts/tide/policies.lua scripts/tide/policy_hooks.lua scripts/tide/provider_error.lua
  scripts/tide/provider_settings.lua scripts/tide/providers.lua scripts/tide/replay.lua
  scripts/tide/request_sum.lua scripts/tide/request_view.lua scripts/tide/retry_after.lua
  scripts/tide/sampling.lua scripts/tide/schema.lua scripts/tide/script_failure.lua
  scripts/tide/scripted.lua scripts/tide/scripts.lua scripts/tide/shadow.lua scripts/tide/state.lua
  scripts/tide/suggest.lua scripts/tide/tables.lua scripts/tide/template.lua
  scripts/tide/testing.lua scripts/tide/testing_answer.lua scripts/tide/testing_checks.lua
  scripts/tide/testing_diff.lua scripts/tide/testing_http.lua scripts/tide/testing_report.lua
  scripts/tide/testing_requests.lua scripts/tide/testing_upstream.lua scripts/tide/timeouts.lua
  scripts/tide/timers.lua scripts/tide/translate.lua scripts/tide/upstream_ids.lua
  scripts/tide/http_date.lua scripts/tide/sigv4.lua
  scripts/tide/url.lua scripts/tide/usage.lua scripts/tide/warnings.lua scripts/tide/ways.lua
  adapters/azure_anthropic.lua adapters/azure_anthropic_entra.lua adapters/azure_foundry.lua
  adapters/gemini_openai.lua adapters/gpustack.lua adapters/huggingface.lua adapters/minimax.lua
  adapters/models/anthropic.lua adapters/models/azure.lua adapters/models/bedrock.lua
  adapters/models/bedrock_mantle.lua
  adapters/models/cerebras.lua adapters/models/cohere.lua adapters/models/deepseek.lua
  adapters/models/fireworks.lua adapters/models/gemini.lua adapters/models/groq.lua
  adapters/models/huggingface.lua adapters/models/minimax.lua adapters/models/mistral.lua
  adapters/models/moonshot.lua adapters/models/openai.lua adapters/models/openrouter.lua
  adapters/models/perplexity.lua adapters/models/qwen.lua adapters/models/together.lua
  adapters/models/vertex.lua adapters/models/voyage.lua adapters/models/xai.lua
  adapters/models/zhipu.lua
  scripts/tide/api_models.lua scripts/tide/cheapest.lua
  scripts/tide/model_entry.lua
  scripts/tide/model_facts.lua scripts/tide/model_tables.lua scripts/tide/provider_models.lua
)
# spec/core/NAME_test.c
set(TIDEGATE_C_TESTS
  base/blocks base/buf base/file base/list base/log base/logline base/redact base/utf8 base/xxh64
  config/access config/address config/bundle config/check config/config config/document config/env
  config/evaluate config/field config/formats config/keep config/lines config/settings
  config/suggest config/tokens http/certs http/chunks http/connection http/connector
  http/connector_resolver http/exchange http/forward http/head http/header_lines http/headers
  http/inflate http/inner http/origin http/pool http/relay http/relay_hold http/relay_large http/relay_translate
  http/request http/response http/response_parser http/server http/sse http/turn http/upstream
  http/upstream_control http/upstream_failure http/upstream_proxy http/url http/usage http/watch
  json/document json/estimate json/json json/match json/ordinary json/splice json/tree loop/loop
  loop/mailbox loop/outbox loop/pace loop/timers lua/alarm lua/background lua/budget lua/codec
  lua/coroutine lua/dict_class lua/digest lua/document_class lua/fetch lua/fetch_split
  lua/gate_class lua/gather lua/guard lua/heap lua/inner_class lua/limit_class lua/loading
  lua/memory lua/metric_class lua/pattern lua/script lua/service_account lua/spawn lua/string_lib
  lua/table_lib lua/task lua/value lua/values lua/vector_lib lua/watchdog metrics/custom metrics/metrics store/dict
  store/limiter store/shared_store worker/failure worker/watch_files
  cli/adapter config/bundle_edit lua/tape
  http/eventstream http/framing http/ndjson http/relay_framing http/sigv4 lua/signer json/floats
  lua/stream_events
  json/items
  http/price
)
# Code that several C tests share.
set(TIDEGATE_C_TEST_SUPPORT
  spec/core/http/peer.c
  spec/core/http/tls_peer.c
  spec/core/http/trial.c
  spec/core/lua/fixture.c
  spec/core/lua/scripted.c
)
# spec/fuzz/NAME_fuzz.c
set(TIDEGATE_FUZZERS
  chunks config grammar head headers inflate json request response sse url watch
  pattern vectors
  eventstream ndjson sigv4
)
