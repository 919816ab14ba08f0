const app = (name, script, more = {}) => ({
  name,
  script,
  instances: 1,
  exec_mode: 'fork',
  autorestart: true,
  watch: false,
  max_memory_restart: '200M',
  error_file: `./logs/${name}-error.log`,
  out_file: `./logs/${name}-out.log`,
  ...more,
  env: { NODE_ENV: 'production', ...more.env }
})

module.exports = {
  apps: [
    app('ai-admin-api', './src/index.js', { max_memory_restart: '500M' }),
    app('ai-admin-worker-v2', './src/workers/message-worker.js'),
    app('ai-admin-batch-processor', './src/workers/batch-processor.js'),
    app('ai-admin-booking-monitor', './src/workers/booking-monitor.js'),
    app('ai-admin-reminder', './src/workers/reminder.js'),
    app('baileys-whatsapp-service', './scripts/baileys-service.js', {
      env: {
        COMPANY_ID: '962302',
        USE_PAIRING_CODE: 'true',
        WHATSAPP_PHONE_NUMBER: '15550100000'
      }
    }),
    app('whatsapp-health-monitor', './src/monitors/whatsapp-health-monitor.js'),
    app('whatsapp-backup-service', './scripts/whatsapp-backup-service.js', {
      cron_restart: '0 */6 * * *',
      autorestart: false
    }),
    app('ai-admin-key-statistics', './src/monitors/key-statistics.js', {
      autorestart: false,
      env: { COMPANY_ID: '962302' }
    }),
    app('ai-admin-telegram-bot', './src/bot/telegram-bot.js', {
      args: '--mode polling --channel operators'
    })
  ]
}
