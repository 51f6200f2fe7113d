// The route table: the map of the API (docs/protocol.md says what each route means).
import { describeApi } from './api-description/describe-api.ts';
import type { Route } from './route.ts';
import { deleteApprovalRule } from './routes/delete-approval-rule.ts';
import { deleteBootProfile } from './routes/delete-boot-profile.ts';
import { deleteEnrolment } from './routes/delete-enrolment.ts';
import { deleteGrant } from './routes/delete-grant.ts';
import { deleteGroup } from './routes/delete-group.ts';
import { deleteImage } from './routes/delete-image.ts';
import { deleteKey } from './routes/delete-key.ts';
import { deleteMachine } from './routes/delete-machine.ts';
import { deleteMachineIdentity } from './routes/delete-machine-identity.ts';
import { deleteOwnSession } from './routes/delete-own-session.ts';
import { deleteScenario } from './routes/delete-scenario.ts';
import { deleteSchedule } from './routes/delete-schedule.ts';
import { deleteToken } from './routes/delete-token.ts';
import { deleteUserRoute } from './routes/delete-user.ts';
import { getApprovalRules } from './routes/get-approval-rules.ts';
import { getAudit } from './routes/get-audit.ts';
import { getBatch } from './routes/get-batch.ts';
import { getBatches } from './routes/get-batches.ts';
import { getBootProfile } from './routes/get-boot-profile.ts';
import { getBootProfiles } from './routes/get-boot-profiles.ts';
import { getChunk } from './routes/get-chunk.ts';
import { getDiskCheck } from './routes/get-disk-check.ts';
import { getDiskChecks } from './routes/get-disk-checks.ts';
import { getEnrolments } from './routes/get-enrolments.ts';
import { getGrants } from './routes/get-grants.ts';
import { getGroup } from './routes/get-group.ts';
import { getGroups } from './routes/get-groups.ts';
import { getHealth } from './routes/get-health.ts';
import { getImage } from './routes/get-image.ts';
import { getImageCheck } from './routes/get-image-check.ts';
import { getImageChecks } from './routes/get-image-checks.ts';
import { getImageManifest } from './routes/get-image-manifest.ts';
import { getImages } from './routes/get-images.ts';
import { getJob } from './routes/get-job.ts';
import { getJobLog } from './routes/get-job-log.ts';
import { getJobPlan } from './routes/get-job-plan.ts';
import { getJobReport } from './routes/get-job-report.ts';
import { getJobThroughput } from './routes/get-job-throughput.ts';
import { getJobs } from './routes/get-jobs.ts';
import { getKeys } from './routes/get-keys.ts';
import { getMachine } from './routes/get-machine.ts';
import { getMachineDisks } from './routes/get-machine-disks.ts';
import { getMachineFile } from './routes/get-machine-file.ts';
import { getMachinePower } from './routes/get-machine-power.ts';
import { getMachines } from './routes/get-machines.ts';
import { getMe } from './routes/get-me.ts';
import { getMedium } from './routes/get-medium.ts';
import { getMetrics } from './routes/get-metrics.ts';
import { makeGetOpenApi } from './routes/get-openapi.ts';
import { getOpenIdCallback } from './routes/get-openid-callback.ts';
import { getOpenIdStart } from './routes/get-openid-start.ts';
import { getReady } from './routes/get-ready.ts';
import { getScenario } from './routes/get-scenario.ts';
import { getScenarios } from './routes/get-scenarios.ts';
import { getSchedule } from './routes/get-schedule.ts';
import { getScheduleHours } from './routes/get-schedule-hours.ts';
import { getScheduleRuns } from './routes/get-schedule-runs.ts';
import { getSchedules } from './routes/get-schedules.ts';
import { getSettings } from './routes/get-settings.ts';
import { getSetup } from './routes/get-setup.ts';
import { getStoreStats } from './routes/get-store-stats.ts';
import { getTags } from './routes/get-tags.ts';
import { getTokens } from './routes/get-tokens.ts';
import { getUpcomingRuns } from './routes/get-upcoming-runs.ts';
import { getUsers } from './routes/get-users.ts';
import { patchApprovalRule } from './routes/patch-approval-rule.ts';
import { patchBootProfile } from './routes/patch-boot-profile.ts';
import { patchGroup } from './routes/patch-group.ts';
import { patchMachine } from './routes/patch-machine.ts';
import { patchScenario } from './routes/patch-scenario.ts';
import { patchSchedule } from './routes/patch-schedule.ts';
import { patchSettings } from './routes/patch-settings.ts';
import { patchUser } from './routes/patch-user.ts';
import { postApprovalRule } from './routes/post-approval-rule.ts';
import { postBatch } from './routes/post-batch.ts';
import { postBatchCancel } from './routes/post-batch-cancel.ts';
import { postBatchPause } from './routes/post-batch-pause.ts';
import { postBatchResume } from './routes/post-batch-resume.ts';
import { postBootProfile } from './routes/post-boot-profile.ts';
import { postBootToken } from './routes/post-boot-token.ts';
import { postChunks } from './routes/post-chunks.ts';
import { postChunksFlush } from './routes/post-chunks-flush.ts';
import { postChunksMissing } from './routes/post-chunks-missing.ts';
import { postEnrolment } from './routes/post-enrolment.ts';
import { postGrant } from './routes/post-grant.ts';
import { postGroup } from './routes/post-group.ts';
import { postGroupMembers } from './routes/post-group-members.ts';
import { postImageCheck } from './routes/post-image-check.ts';
import { postImageCheckCancel } from './routes/post-image-check-cancel.ts';
import { postJob } from './routes/post-job.ts';
import { postJobApprove } from './routes/post-job-approve.ts';
import { postJobCancel } from './routes/post-job-cancel.ts';
import { postJobPause } from './routes/post-job-pause.ts';
import { postJobReject } from './routes/post-job-reject.ts';
import { postJobResume } from './routes/post-job-resume.ts';
import { postJobRetry } from './routes/post-job-retry.ts';
import { postMachineFile } from './routes/post-machine-file.ts';
import { postMachineMerge } from './routes/post-machine-merge.ts';
import { postMachinePower } from './routes/post-machine-power.ts';
import { postOpenIdCode } from './routes/post-openid-code.ts';
import { postPlan } from './routes/post-plan.ts';
import { postScenario } from './routes/post-scenario.ts';
import { postSchedule } from './routes/post-schedule.ts';
import { postSchedulePreview } from './routes/post-schedule-preview.ts';
import { postScheduleRun } from './routes/post-schedule-run.ts';
import { postSession } from './routes/post-session.ts';
import { postStoreCheck } from './routes/post-store-check.ts';
import { postStoreFullStats } from './routes/post-store-full-stats.ts';
import { postStoreGc } from './routes/post-store-gc.ts';
import { postToken } from './routes/post-token.ts';
import { postUser } from './routes/post-user.ts';
import { putImage } from './routes/put-image.ts';
import { putKey } from './routes/put-key.ts';
import { putMachinePower } from './routes/put-machine-power.ts';

export const routes: readonly Route[] = [
  postSession,
  deleteOwnSession,
  getOpenIdStart,
  getOpenIdCallback,
  postOpenIdCode,
  getMe,
  getUsers,
  postUser,
  patchUser,
  deleteUserRoute,
  getTokens,
  postToken,
  deleteToken,
  getAudit,
  deleteBootProfile,
  deleteEnrolment,
  deleteImage,
  deleteKey,
  deleteMachine,
  deleteScenario,
  getBootProfile,
  getBootProfiles,
  getChunk,
  getDiskCheck,
  getDiskChecks,
  getEnrolments,
  getHealth,
  getImage,
  getImageManifest,
  getImages,
  getJobLog,
  getJobThroughput,
  getJobPlan,
  getJobReport,
  getJob,
  getJobs,
  getKeys,
  getMachine,
  getMachineDisks,
  getMachinePower,
  getMachines,
  getMedium,
  getMetrics,
  getReady,
  makeGetOpenApi(() => describeApi(routes)),
  getScenario,
  getScenarios,
  getSettings,
  patchSettings,
  getSetup,
  getStoreStats,
  patchBootProfile,
  patchMachine,
  patchScenario,
  postBootProfile,
  postBootToken,
  postChunksFlush,
  postChunksMissing,
  postChunks,
  postJobApprove,
  postJobCancel,
  postJobReject,
  postJobRetry,
  getBatches,
  postBatch,
  getBatch,
  postBatchCancel,
  postBatchPause,
  postBatchResume,
  postJobPause,
  postJobResume,
  postEnrolment,
  postJob,
  postPlan,
  postMachinePower,
  postScenario,
  postStoreCheck,
  postStoreFullStats,
  postStoreGc,
  putImage,
  putKey,
  getGroups,
  getGroup,
  postGroup,
  patchGroup,
  postGroupMembers,
  deleteGroup,
  getTags,
  getMachineFile,
  postMachineFile,
  postMachineMerge,
  deleteMachineIdentity,
  getGrants,
  postGrant,
  deleteGrant,
  putMachinePower,
  getApprovalRules,
  postApprovalRule,
  patchApprovalRule,
  deleteApprovalRule,
  deleteSchedule,
  getSchedule,
  getScheduleRuns,
  getSchedules,
  getUpcomingRuns,
  getScheduleHours,
  postSchedulePreview,
  patchSchedule,
  postSchedule,
  postScheduleRun,
  getImageCheck,
  getImageChecks,
  postImageCheck,
  postImageCheckCancel,
];
