// Which data layer the application works on; the sessions of WhatsApp have flags of their own.
const flags = {
  useLegacySupabase: process.env.USE_LEGACY_SUPABASE !== 'false',
  useRepositoryPattern: process.env.USE_REPOSITORY_PATTERN === 'true'
}

function assertDataLayer() {
  if (!flags.useLegacySupabase && !flags.useRepositoryPattern) {
    throw new Error(
      'No data layer configured. Set USE_LEGACY_SUPABASE=true or USE_REPOSITORY_PATTERN=true'
    )
  }
}

module.exports = { ...flags, assertDataLayer }
